"""Every request as it was: nothing rounded, nothing averaged away."""

import csv
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import grpc
import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Origin: TypeAlias = Literal["intended", "sent"]

OK: Final = "OK"
BAD_IMAGE: Final = "BAD_IMAGE"  # answered, but with an error in the place of a verdict on a good image
BAD_IMAGE_READ: Final = "BAD_IMAGE_READ"  # answered, but with a verdict on what is no image
_OTHER: Final = "OTHER"

STATUSES: Final = (
    *(OK, BAD_IMAGE, BAD_IMAGE_READ, "BAD_ANSWER", "NOT_THE_CONTRACT", _OTHER),
    *(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK),
)
"""What comes of a request: OK, the like of it, or the name of the call's status. `Samples.rows` has its place here."""

_CODES: Final = {status: code for code, status in enumerate(STATUSES)}
_COLUMNS: Final = (
    ("number", "i8"),  # of the arrival in the whole load, from 0
    ("intended_s", "f8"),  # when it was to begin, by the load's clock; in a closed loop when it did
    ("sent_s", "f8"),  # when it did begin: before it was encoded
    ("ended_s", "f8"),  # when its answer was decoded, or its failure known
    ("version", "i8"),  # that answered; 0 where none did
    ("images", "i4"),
    ("status", "i2"),  # its place in STATUSES
    ("target", "i2"),  # its place in the plan's targets
    ("generator", "i4"),  # the process that made it, from 0
)
ROW: Final = np.dtype([(name, f"<{kind}") for name, kind in _COLUMNS])
_PACKER: Final = struct.Struct(
    "<" + "".join({"i8": "q", "i4": "i", "i2": "h", "f8": "d"}[kind] for _, kind in _COLUMNS)
)


@dataclass(frozen=True, slots=True)
class Samples:
    """Requests that ended, a row of `ROW` each, in no particular order. Times are seconds since the load began."""

    rows: npt.NDArray[np.void]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> "Samples":
        return Samples(self.rows[chosen])

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Which were answered as they should be."""
        chosen: npt.NDArray[np.bool_] = self.rows["status"] == _CODES[OK]
        return chosen

    def latency_ms(self, origin: Origin = "intended") -> Floats:
        """How long each took, from when it was to begin or from when it did."""
        found: Floats = (self.rows["ended_s"] - self.rows[f"{origin}_s"]) * 1000
        return found

    @property
    def lateness_ms(self) -> Floats:
        """How much later than intended each was sent."""
        found: Floats = (self.rows["sent_s"] - self.rows["intended_s"]) * 1000
        return found

    def between(self, begin_s: float, end_s: float = float("inf")) -> "Samples":
        """Those that were to begin from then on, and before the end."""
        return self[(self.rows["intended_s"] >= begin_s) & (self.rows["intended_s"] < end_s)]

    def of_target(self, target: int) -> "Samples":
        """Those that went to this one of the plan's targets."""
        return self[self.rows["target"] == target]

    def statuses(self) -> dict[str, int]:
        """How many had each status, by its name."""
        return _counted(STATUSES[code] for code in self.rows["status"].tolist())

    def versions(self) -> dict[str, int]:
        """How many each version answered."""
        return _counted(str(version) for version in self.rows["version"].tolist() if version)

    def write_csv(self, path: Path) -> None:
        """One line a request in the order of their intended beginnings, times to the microsecond, under a header."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(name for name, _ in _COLUMNS)
            for row in self.rows[np.argsort(self.rows["intended_s"], kind="stable")].tolist():
                writer.writerow(
                    [*row[:1], *(f"{each:.6f}" for each in row[1:4]), *row[4:6], STATUSES[row[6]], *row[7:]]
                )


def merged(parts: Iterable[Samples]) -> Samples:
    """The samples of several processes together."""
    return Samples(np.concatenate([np.empty(0, ROW), *(part.rows for part in parts)]))


def from_bytes(rows: bytes) -> Samples:
    """What `Samples.rows.tobytes()`, or a `Recorder`, wrote."""
    return Samples(np.frombuffer(rows, ROW))


def made(
    latencies_ms: Sequence[float] | Floats, *, every_s: float = 0.1, late_ms: float = 0.0, **columns: Any
) -> Samples:
    """Requests that were to begin every so many seconds, for simulations; version 1 answered all as it should.

    `columns` are those of `ROW`: one value, or one a request; `status` by name.
    """
    rows = np.zeros(len(latencies_ms), ROW)
    rows["number"] = np.arange(len(rows))
    rows["intended_s"] = np.arange(len(rows)) * every_s
    rows["version"] = rows["images"] = 1
    if isinstance(status := columns.pop("status", OK), str):
        status = [status] * len(rows)
    rows["status"] = [_CODES[each] for each in status]
    for name, values in columns.items():
        rows[name] = values
    rows["sent_s"] = rows["intended_s"] + late_ms / 1000
    rows["ended_s"] = rows["intended_s"] + np.asarray(latencies_ms) / 1000
    return Samples(rows)


class Recorder:
    """Gathers the requests of one process."""

    def __init__(self, generator: int = 0) -> None:
        self._generator = generator
        self._rows = bytearray()
        self.ok = 0

    def __len__(self) -> int:
        return len(self._rows) // _PACKER.size

    def add(self, number: int, times_s: tuple[float, float, float], came: tuple[str, int | None, int, int]) -> None:
        """Keeps one: when it was to begin, did, and ended; its status, version, images and target."""
        status, version, images, target = came
        self.ok += status == OK
        code = _CODES.get(status, _CODES[_OTHER])
        self._rows += _PACKER.pack(number, *times_s, version or 0, images, code, target, self._generator)

    def samples(self, since: int = 0) -> Samples:
        """Those kept so far, from the `since`-th on."""
        return from_bytes(self.taken(since))

    def taken(self, since: int) -> bytes:
        """The same as bytes."""
        return bytes(memoryview(self._rows)[since * _PACKER.size :])


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))

"""What a run found, as a table and as JSON."""

import math
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from .bench import STEADY
from .candidates import Setting
from .choice import Choice, choose
from .config_files import ONEDNN, flags
from .load import Load
from .machine import processor_name
from .measurement import Measurement
from .survey import Survey

_QUEUE_S = 10  # of answers at full load that may wait: a caller behind more than that has mostly gone


@dataclass(frozen=True)
class Result:
    """The measurements of a version, and which one was chosen."""

    version: Path
    load: Load
    survey: Survey
    choice: Choice
    processors: int
    others_share: float | None  # of the processors, taken by other processes meanwhile
    at: datetime

    @property
    def chosen(self) -> Measurement:
        """The candidate that a server is to be started as."""
        return self.choice.measurement

    @property
    def written(self) -> Measurement:
        """The candidate that the files are written for: where no setting was chosen, the best that has one."""
        if self.chosen.candidate.setting:
            return self.chosen
        return choose([one for one in self.survey.finalists if one.candidate.setting]).measurement

    @property
    def setting(self) -> Setting:
        """What the files say."""
        if self.written.candidate.setting is None:
            raise ValueError(f"{self.written.candidate.name} has no setting to write")
        return self.written.candidate.setting

    @property
    def max_enqueued_batches(self) -> int:
        """As many as are answered in ten seconds, and one for every batch thread at least."""
        batches = _QUEUE_S * self.written.images_per_s / self.setting.batch_sizes[-1]
        return max(self.setting.batch_threads, math.ceil(batches))

    @property
    def machine(self) -> str:
        """The processors and TensorFlow's version."""
        return f"{self.processors} × {processor_name()}, TensorFlow {metadata.version('tensorflow')}"

    @property
    def notes(self) -> list[str]:
        """What the files say about themselves."""
        onednn = "on" if self.written.candidate.onednn else "off"
        made = (
            f"Written by `python -m ace_export tune` for {self.version.parent.name}/{self.version.name}, "
            f"{self.at:%Y-%m-%d}, {self.machine}."
        )
        how = f"Measured at full load, with oneDNN {onednn} ({_environment(self.written)} in the server's environment):"
        if self.written is self.chosen:
            return [made, how, self.gains]
        return [
            made,
            f"Better without this file: {_short(self.chosen)} serves best there, {_figures(self.chosen)}.",
            f"For a server that has to batch, the best of the settings: {_figures(self.written)}.",
            how.replace(":", "."),
        ]

    @property
    def gains(self) -> str:
        """The images a second, and how much that is over the others; the least and the most of the rounds."""
        over = ", ".join(f"{self.chosen.gain_over(other)} over {_short(other)}" for other in self._compared)
        return f"{self.chosen.images_per_s:.3g} images/s, {over}"

    @property
    def advice(self) -> str:
        """What to make of it where the files bring nothing, in a sentence; empty where they do."""
        if self.written is not self.chosen:
            start = "with --enable_batching alone" if self.chosen.candidate.enable_batching else "without batching"
            return (
                f"No setting serves better on this machine: start the server {start}. The files hold the best of the "
                f"settings, for a server that has to batch: {_short(self.written)}, {_figures(self.written)}."
            )
        if ahead := [one for one in self._compared if self.chosen.gain_over(one).mean <= 0]:
            return (
                f"That is no gain over {_short(ahead[0])} but in its p99: {self.chosen.steady_ms(99):.0f} ms, and "
                f"{ahead[0].steady_ms(99):.0f} ms there."
            )
        return ""

    @property
    def _compared(self) -> list[Measurement]:
        """What the chosen one is held against: the defaults, and the best setting where that was not chosen."""
        return [one for one in dict.fromkeys((*self.survey.defaults, self.written)) if one != self.chosen]

    def table(self) -> str:
        """A line for each candidate, the fastest first, the chosen one marked."""
        head = f"  {'batches × threads, largest batch':<46}{'images/s':>9}{'p50 ms':>8}{'p99 ms':>8}"
        head += f"{'p99 full':>10}{'cpu ms':>8}"
        rows = sorted(self.survey.all, key=lambda one: -one.images_per_s)
        return "\n".join([head, *(self._row(one) for one in rows)])

    def _row(self, one: Measurement) -> str:
        cpu = f"{one.cpu_ms_an_image:8.3g}" if one.cpu_ms_an_image is not None else f"{'–':>8}"
        mark = "→" if one is self.chosen else " "
        latencies = f"{one.steady_ms(50):8.0f}{one.steady_ms(99):8.0f}{one.full_load_ms(99):10.0f}"
        return f"{mark} {one.candidate.name:<46}{one.images_per_s:9.3g}{latencies}{cpu}"

    def commands(self, folder: Path) -> str:
        """How either server is started with the files."""
        model = [f"--model_name={self.version.parent.name}", f"--model_base_path={self.version.resolve().parent}"]
        words = " ".join(["--port=8500", *model, *flags(self.chosen.candidate, folder.resolve())])
        return "\n".join(
            f"  {_environment(self.chosen)} {server} {words}"
            for server in ("python -m ace_server", "tensorflow_model_server")
        )

    def as_json(self) -> dict[str, Any]:
        """All figures, and how they came about."""
        return {
            "version": str(self.version),
            "at": self.at.isoformat(timespec="seconds"),
            "machine": {"processors": self.processors, "processor": processor_name(), "system": platform.platform()},
            "others_share_of_processors": self.others_share,
            "software": {name: metadata.version(name) for name in ("ace-detector", "tensorflow", "grpcio")},
            "load": {
                "images": len(self.load.images),
                "callers_at_full_load": self.load.callers,
                "steady_per_s": self.survey.steady_per_s,
                "steady_share_of_default": STEADY,
                "seconds_of_each": self.load.seconds,
            },
            "chosen": self.chosen.candidate.name,
            "reason": self.choice.reason,
            "gains": {one.candidate.name: asdict(self.chosen.gain_over(one)) for one in self._compared},
            "written": self.written.candidate.name,
            "max_enqueued_batches": self.max_enqueued_batches,
            "candidates": [_as_json(one) for one in self.survey.all],
        }


def _environment(one: Measurement) -> str:
    """The variable with which TensorFlow was measured; `ace_server` asks for oneDNN where nobody has said."""
    return f"{ONEDNN}={int(one.candidate.onednn is not False)}"


def _short(one: Measurement) -> str:
    return one.candidate.name.removeprefix("default: ")


def _figures(one: Measurement) -> str:
    return f"{one.images_per_s:.3g} images/s, p99 {one.steady_ms(99):.0f} ms"


def _as_json(one: Measurement) -> dict[str, Any]:
    return {
        "name": one.candidate.name,
        **asdict(one.candidate),
        "images_per_s": one.images_per_s,
        "steady_ms": {f"p{percent}": one.steady_ms(percent) for percent in (50, 99)},
        "full_load_ms": {f"p{percent}": one.full_load_ms(percent) for percent in (50, 99)},
        "cpu_ms_an_image": one.cpu_ms_an_image,
        "rounds": [
            {
                "images_per_s": each.images_per_s,
                "answers_at_full_load": len(each.full_load_ms),
                "answers_at_steady_rate": len(each.steady_ms),
                "cpu_ms_an_image": each.cpu_ms_an_image,
            }
            for each in one.rounds
        ],
    }

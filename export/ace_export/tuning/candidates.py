"""The ways to start a server that are tried."""

from collections.abc import Sequence
from dataclasses import dataclass

_BETWEEN = 2  # layouts between one batch at a time and one a processor


@dataclass(frozen=True)
class Setting:
    """What the two files say. The threads of both kinds are shared by all batches that are run at a time."""

    batch_threads: int  # batches that are run at a time
    intra_op_threads: int  # inside one operation; 0 is one a processor
    inter_op_threads: int  # operations at a time; 0 is one a processor
    batch_sizes: tuple[int, ...]  # allowed, ascending; the last is the largest

    @property
    def threads(self) -> str:
        """The layout, as batches at a time × threads in an operation."""
        return f"{self.batch_threads}×{self.intra_op_threads or 'all'}"


@dataclass(frozen=True)
class Candidate:
    """One way to start the server; what is None is left to it."""

    setting: Setting | None = None
    enable_batching: bool = True
    onednn: bool | None = None

    @property
    def name(self) -> str:
        """What it is called in tables."""
        if self.setting:
            text = f"{self.setting.threads} threads, batches ≤ {self.setting.batch_sizes[-1]}"
        else:
            text = "default: --enable_batching" if self.enable_batching else "default: no batching"
        return text if self.onednn is None else f"{text}, oneDNN {'on' if self.onednn else 'off'}"


UNBATCHED = Candidate(enable_batching=False)
BATCHED = Candidate()


def settings(processors: int, batch_sizes: Sequence[int]) -> list[Setting]:
    """Every layout with every largest batch; the sizes below it are allowed too."""
    sizes = sorted(set(batch_sizes))
    return [
        Setting(*layout, batch_sizes=tuple(sizes[: position + 1]))
        for layout in _layouts(processors)
        for position in range(len(sizes))
    ]


def _layouts(processors: int) -> list[tuple[int, int, int]]:
    """Batches at a time, threads in an operation, operations at a time: all share the processors, or each takes all."""
    steps = [round(processors ** (step / (_BETWEEN + 1))) for step in range(1, _BETWEEN + 1)]
    between = {1 << (step.bit_length() - 1) for step in steps}
    shared = sorted({1, *(count for count in between if count < processors), processors})
    layouts = [(count, processors // count, count) for count in shared]
    return layouts if processors == 1 else [*layouts, (processors, 0, 0)]

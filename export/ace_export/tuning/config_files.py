"""The text of the files that TensorFlow Serving and `ace_server` are started with."""

from collections.abc import Sequence
from pathlib import Path

from .candidates import Candidate, Setting

BATCHING = "batching_parameters.txt"
SESSION = "session_config.txt"
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"  # read from the environment as TensorFlow loads
_BULK = 100  # batches that may wait while it is the load of the measurement that waits


def batching_parameters(setting: Setting, *, max_enqueued_batches: int = _BULK, notes: Sequence[str] = ()) -> str:
    """A BatchingParameters message as text, the notes as comments above it."""
    return _text(
        notes,
        f"max_batch_size {{ value: {setting.batch_sizes[-1]} }}",
        *(f"allowed_batch_sizes: {size}" for size in setting.batch_sizes),
        "batch_timeout_micros { value: 0 }  # a batch thread that idles takes at once what waits",
        f"max_enqueued_batches {{ value: {max_enqueued_batches} }}",
        f"num_batch_threads {{ value: {setting.batch_threads} }}",
    )


def session_config(setting: Setting, *, notes: Sequence[str] = ()) -> str:
    """A ConfigProto message as text, the notes as comments above it."""
    return _text(
        notes,
        f"intra_op_parallelism_threads: {setting.intra_op_threads}" + _or_all(setting.intra_op_threads),
        f"inter_op_parallelism_threads: {setting.inter_op_threads}" + _or_all(setting.inter_op_threads),
    )


def flags(candidate: Candidate, folder: Path) -> list[str]:
    """What either server is started with; where the candidate has a setting, the two files lie in `folder`.

    TensorFlow Serving takes the numbers of threads from its flags alone, and overwrites those of the file by them.
    """
    given = ["--enable_batching"] if candidate.enable_batching else []
    if not (setting := candidate.setting):
        return given
    given += [f"--batching_parameters_file={folder / BATCHING}", f"--tensorflow_session_config_file={folder / SESSION}"]
    if setting.intra_op_threads or setting.inter_op_threads:
        given += [f"--tensorflow_intra_op_parallelism={setting.intra_op_threads}"]
        given += [f"--tensorflow_inter_op_parallelism={setting.inter_op_threads}"]
    return given


def _or_all(threads: int) -> str:
    return "" if threads else "  # one a processor"


def _text(notes: Sequence[str], *lines: str) -> str:
    return "".join(f"{line}\n" for line in (*(f"# {note}" for note in notes), *lines))

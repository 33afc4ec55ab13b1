"""ConfigProto, from TensorFlow's text files, and what the flags change of it."""

import logging
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from . import text_files
from .errors import ModelError, StartError, WrongField, tensorflow_errors_mapped
from .options import Options

_log = logging.getLogger(__name__)
_THREADS = ("intra_op_parallelism_threads", "inter_op_parallelism_threads")


def session_config(options: Options) -> config_pb2.ConfigProto:
    """How the sessions of all versions are made: what the file says, under what the flags say.

    As in TensorFlow Serving, one of the tensorflow_*_parallelism flags decides both numbers of threads. Where none is
    given it overwrites those of the file by its defaults; here those of the file hold, and the log says so.

    Raises:
        StartError: the file cannot be read, is no ConfigProto, or TensorFlow makes no session of it.
    """
    file = options.tensorflow_session_config_file
    config = _read(Path(file)) if file else config_pb2.ConfigProto()
    both = options.tensorflow_session_parallelism
    intra, inter = (
        both or options.tensorflow_intra_op_parallelism,
        both or options.tensorflow_inter_op_parallelism,
    )
    if intra or inter:
        config.intra_op_parallelism_threads, config.inter_op_parallelism_threads = intra, inter
    elif any(getattr(config, name) for name in _THREADS):
        _log.warning(
            "The threads of %s hold here, but tensorflow_model_server takes them from its flags alone: for both, pass "
            "--tensorflow_intra_op_parallelism=%d --tensorflow_inter_op_parallelism=%d as well",
            file,
            *(getattr(config, name) for name in _THREADS),
        )
    config.use_per_session_threads = True
    gpu = config.gpu_options
    if options.per_process_gpu_memory_fraction:
        gpu.per_process_gpu_memory_fraction = options.per_process_gpu_memory_fraction
    gpu.allow_growth = gpu.allow_growth or not gpu.per_process_gpu_memory_fraction
    if file:
        _try(config, file)
    return config


def runs_spread(config: config_pb2.ConfigProto) -> bool:
    """Whether one run may take all processors: its threads are not limited, and no GPU does the work."""
    return config.intra_op_parallelism_threads != 1 and not tf.config.list_physical_devices("GPU")


def _read(path: Path) -> config_pb2.ConfigProto:
    file = text_files.read(path, config_pb2.ConfigProto(), flag="tensorflow_session_config_file")
    name, threads = _THREADS[0], file.message.intra_op_parallelism_threads
    with file.located():
        if threads < 0:  # TensorFlow would end the process
            raise WrongField(
                name, f"{name} must not be negative, but is {threads}. 0 is one a processor.", value=threads
            )
    return file.message


def _try(config: config_pb2.ConfigProto, file: str) -> None:
    try:
        with tensorflow_errors_mapped():
            tf.compat.v1.Session(graph=tf.Graph(), config=config).close()
    except ModelError as error:
        raise StartError(f"TensorFlow makes no session of {file}: {error}") from error

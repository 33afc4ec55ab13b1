"""TensorFlow Serving's flags under their own names, defaults and syntax, read into one frozen value."""

import argparse
import difflib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .errors import StartError
from .logs import FORMATS

_log = logging.getLogger(__name__)
_EXAMPLE = "ace-server --port=8500 --model_name=detector --model_base_path=/srv/models/detector"
_DESCRIPTION = """\
The base path holds one folder a version (1/, 2/, ...), each a SavedModel; the highest number is served.
The flags are those of tensorflow_model_server: --flag=value, --flag value, --flag and --noflag.
"""


_NOT_NEGATIVE = (
    "rest_api_timeout_in_ms",
    "rest_api_max_request_bytes",
    "model_config_file_poll_wait_seconds",
    "file_system_poll_wait_seconds",
    "max_num_load_retries",
    "load_retry_interval_micros",
    "trial_timeout_seconds",
    "num_request_iterations_for_warmup",
    "num_load_threads",
    "per_process_gpu_memory_fraction",
    "max_in_flight_bytes",
    "drain_seconds",
)


def _flag(default: Any, description: str) -> Any:
    return field(default=default, metadata={"help": description})


@dataclass(frozen=True)
class Options:
    """The server's settings; every field is a flag of the same name."""

    port: int = _flag(8500, "TCP port of the gRPC API; 0 takes a free one and logs it")
    host: str = _flag("0.0.0.0", "address to listen on; 127.0.0.1 for this machine only")  # noqa: S104 - as TensorFlow Serving does
    rest_api_port: int = _flag(0, "TCP port of the REST API; 0 is none, -1 takes a free one and logs it")
    rest_api_timeout_in_ms: int = _flag(30_000, "milliseconds after which a REST call is given up; 0 is never")
    rest_api_enable_cors_support: bool = _flag(False, "let pages of other sites call the REST API")
    rest_api_max_request_bytes: int = _flag(64 * 2**20, "larger REST requests are refused, unpacked size included")
    monitoring_config_file: str = _flag("", "text file of MonitoringConfig: whether and where metrics are served")
    model_name: str = _flag("default", "name under which callers ask for the model")
    model_base_path: str = _flag("", "absolute path of the folder that holds the numbered versions")
    model_config_file: str = _flag("", "text file of ModelServerConfig: several models, policies, labels")
    model_config_file_poll_wait_seconds: float = _flag(0.0, "seconds between looks at that file; 0 reads it once")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "new labels may be given before their version loads"
    )
    file_system_poll_wait_seconds: float = _flag(
        1.0, "seconds between looks for new versions; 0 looks once, at start-up"
    )
    max_num_load_retries: int = _flag(5, "how often a version that did not load is tried again")
    load_retry_interval_micros: int = _flag(60_000_000, "microseconds between two tries to load a version")
    trial_load: bool = _flag(
        True, "load and warm a version in a child process first, where the server has anything to lose"
    )
    trial_timeout_seconds: float = _flag(600.0, "seconds after which a version that is being tried has failed")
    enable_model_warmup: bool = _flag(True, "run the warm-up records of a version before it takes traffic")
    enable_batching: bool = _flag(False, "merge waiting requests into one run")
    batching_parameters_file: str = _flag("", "text file of BatchingParameters; needs --enable_batching")
    enable_per_model_batching_parameters: bool = _flag(
        False, "merge by the batching_params.pbtxt of each version's folder; the file above counts for the runners only"
    )
    num_request_iterations_for_warmup: int = _flag(1, "how often each warm-up record is run")
    unload_before_load: bool = _flag(
        False,
        "unload what a version found by polling takes the place of before it loads: half of the memory, and calls "
        "fail until it is ready",
    )
    saved_model_tags: str = _flag("serve", "comma-separated tags of the graph to load from each SavedModel")
    num_load_threads: int = _flag(0, "versions that load at a time; 0 and 1 load them one by one")
    enable_serialization_as_tensor_content: bool = _flag(False, "answer with packed bytes instead of typed fields")
    per_process_gpu_memory_fraction: float = _flag(0.0, "share of GPU memory to take; 0 grows as needed")
    grpc_socket_path: str = _flag("", "Unix socket to serve the gRPC API on as well; alone with --port=0")
    grpc_channel_arguments: str = _flag("", "comma-separated gRPC settings: grpc.max_connection_age_ms=2000")
    ssl_config_file: str = _flag("", "text file of SSLConfig: TLS on all ports; read again when it changes")
    bearer_token_file: str = _flag(
        "", "file of tokens, one a line: calls but those for health need one; read again when it changes"
    )
    model_roots: str = _flag(
        "", "comma-separated folders that a reload may load from; empty: those that the base paths lie in, /: any"
    )
    admin_port: int = _flag(
        0, "TCP port of 127.0.0.1 for reloads, refused elsewhere; 0 takes them on --port, -1 takes a free one"
    )
    tensorflow_session_config_file: str = _flag(
        "", "text file of ConfigProto: how sessions are made; the next three flags go before its threads"
    )
    tensorflow_session_parallelism: int = _flag(0, "sets both of the next two")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads inside one operation; 0 is one a processor")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations of one run at a time; 0 is one a processor")
    max_in_flight_bytes: int = _flag(2**30, "bytes that the inputs of all unanswered requests may take; 0 is no limit")
    log_format: str = _flag("text", "text for people, or json: one object a line")
    access_log_sampling_rate: float = _flag(0.0, "share of calls that are logged; failed ones all, unless it is 0")
    drain_seconds: float = _flag(30.0, "seconds that calls in flight get to finish after SIGTERM")

    def __post_init__(self) -> None:
        if not self.model_base_path and not self.model_config_file:
            raise StartError(
                "Both server_options.model_base_path and server_options.model_config_file are empty! "
                "Pass --model_base_path=/absolute/path/of/the/folder/with/versions, or --model_config_file."
            )
        if self.model_base_path and not Path(self.model_base_path).is_absolute():
            raise StartError(
                f"Expected model {self.model_name} to have an absolute path or URI; "
                f"got base_path()={self.model_base_path}. "
                f"Pass --model_base_path={Path(self.model_base_path).resolve()}."
            )
        if self.tensorflow_session_parallelism and (
            self.tensorflow_intra_op_parallelism or self.tensorflow_inter_op_parallelism
        ):
            raise StartError(
                "tensorflow_session_parallelism cannot be set together with tensorflow_intra_op_parallelism or "
                "tensorflow_inter_op_parallelism. Leave it out, or the other two."
            )
        if self.log_format not in FORMATS:
            raise StartError(f"--log_format is {self.log_format}; write {' or '.join(FORMATS)}.")
        if not 0 <= self.access_log_sampling_rate <= 1:
            raise StartError(
                f"--access_log_sampling_rate is {self.access_log_sampling_rate:g}; write a share between 0 and 1."
            )
        for name in _NOT_NEGATIVE:
            if not (value := getattr(self, name)) >= 0:  # nan is neither
                raise StartError(f"--{name} is {value:g}; write 0 or more.")
        if self.batching_parameters_file and not self.enable_batching:
            raise StartError(
                "server_options.batching_parameters_file is set without setting server_options.enable_batching to "
                "true. Add --enable_batching, or leave --batching_parameters_file out."
            )


# Flags of tensorflow_model_server that are read and have no effect here: why. Their values are not looked at.
WITHOUT_EFFECT = {
    "enable_grpc_healthcheck_service": "gRPC health is always served",
    "enable_profiler": "profile the process with TensorFlow's own tools",
    "enable_signature_method_name_check": "method names are not checked, as by default there",
    "flush_filesystem_caches": "the operating system keeps what it has room for",
    "grpc_max_threads": "calls need no threads; --batching_parameters_file sets how many runs there are at a time",
    "mixed_precision": "the precision is the exporter's choice",
    "num_unload_threads": "a version is unloaded when its last call is answered",
    "platform_config_file": "there is one platform, tensorflow",
    "num_tflite_interpreters_per_pool": "TF Lite models are not served",
    "num_tflite_pools": "TF Lite models are not served",
    "remove_unused_fields_from_bundle_metagraph": "signatures are all that is kept",
    "rest_api_num_threads": "calls need no threads",
    "skip_initialize_tpu": "there is no TPU to set up",
    "thread_pool_factory_config_file": "sessions have threads of their own",
    "xla_cpu_compilation_enabled": "compile at export",
    "xla_gpu_compilation_enabled": "compile at export",
}
# Flags that would change what is promised if they were passed over.
REFUSED = {
    "prefer_tflite_model": "TF Lite models are not served; export a SavedModel",
    "use_alts_credentials": "ALTS is not offered; put a proxy in front",
}


def parse(arguments: Sequence[str]) -> Options:
    """The options that a command line asks for.

    Raises:
        StartError: the values do not go together.
        SystemExit: status 2, the flags are not ours or not of their type (argparse has said why on stderr); status 0,
            help or versions were asked for and are on stdout.
    """
    parser = _parser()
    known, rest = parser.parse_known_args(arguments)
    values = vars(known)
    if values.pop("version"):
        print(_versions())
        parser.exit()
    for name, reason in REFUSED.items():
        if values.pop(name) not in (None, "false", "False", "0", ""):
            parser.error(f"--{name} cannot be had here: {reason}")
    for name, reason in WITHOUT_EFFECT.items():
        if values.pop(name) is not None:
            _log.warning("--%s has no effect here: %s", name, reason)
    if rest:
        parser.error(_unknown(rest[0]))
    return Options(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ace-server",
        usage=_EXAMPLE,
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for option in fields(Options):
        kind = type(option.default)
        settings: dict[str, Any] = {
            "default": option.default,
            "help": f"{option.metadata['help']} (default {option.default!r})",
        }
        if kind is bool:
            parser.add_argument(f"--{option.name}", type=_boolean, nargs="?", const=True, metavar="BOOL", **settings)
            parser.add_argument(f"--no{option.name}", dest=option.name, action="store_false", help=argparse.SUPPRESS)
        else:
            parser.add_argument(f"--{option.name}", type=kind, metavar=kind.__name__.upper(), **settings)
    parser.add_argument("--version", action="store_true", help="print the versions of server and TensorFlow, and exit")
    for name in (*WITHOUT_EFFECT, *REFUSED):
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
        parser.add_argument(f"--no{name}", dest=name, action="store_const", const="false", help=argparse.SUPPRESS)
    return parser


def _versions() -> str:
    """The two lines that tensorflow_model_server prints, which scripts look at."""
    import tensorflow as tf  # here, as it takes seconds

    return f"TensorFlow ModelServer: ace-server {version('ace-detector')}\nTensorFlow Library: {tf.__version__}"


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _unknown(argument: str) -> str:
    name = argument.lstrip("-").split("=")[0]
    known = [*(option.name for option in fields(Options)), *WITHOUT_EFFECT, *REFUSED]
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"unknown flag {argument}" + (f"; the nearest is --{nearest[0]}" if nearest else "; --help lists the flags")

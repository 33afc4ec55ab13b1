"""TensorFlow Serving's flags under their own names, defaults and syntax, read into one frozen value."""

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import StartError

_EXAMPLE = "ace-server --port=8500 --model_name=detector --model_base_path=/srv/models/detector --enable_batching"
_DESCRIPTION = """\
The base path holds one folder a version (1/, 2/, ...), each a SavedModel; the highest number is served.
The flags are those of tensorflow_model_server: --flag=value, --flag value, --flag and --noflag.
"""


def _flag(default: Any, description: str) -> Any:
    return field(default=default, metadata={"help": description})


@dataclass(frozen=True)
class Options:
    """The server's settings; every field is a flag of the same name."""

    port: int = _flag(8500, "TCP port of the gRPC API; 0 takes a free one and logs it")
    host: str = _flag("0.0.0.0", "address to listen on; 127.0.0.1 for this machine only")  # noqa: S104 - as TensorFlow Serving does
    model_name: str = _flag("default", "name under which callers ask for the model")
    model_base_path: str = _flag("", "absolute path of the folder that holds the numbered versions")
    file_system_poll_wait_seconds: float = _flag(
        1.0, "seconds between looks for new versions; 0 looks once, at start-up"
    )
    max_num_load_retries: int = _flag(5, "how often a version that did not load is tried again")
    load_retry_interval_micros: int = _flag(60_000_000, "microseconds between two tries to load a version")
    enable_model_warmup: bool = _flag(True, "run the warm-up records of a version before it takes traffic")
    enable_batching: bool = _flag(False, "merge waiting requests into one run")
    batching_parameters_file: str = _flag("", "text file of BatchingParameters; needs --enable_batching")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads inside one operation; 0 is one a processor")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations of one run at a time; 0 is one a processor")
    drain_seconds: float = _flag(30.0, "seconds that calls in flight get to finish after SIGTERM")

    def __post_init__(self) -> None:
        if not self.model_base_path:
            raise StartError("No model to serve: pass --model_base_path=/absolute/path/of/the/folder/with/versions.")
        if not Path(self.model_base_path).is_absolute():
            raise StartError(
                f"Expected model {self.model_name} to have an absolute path or URI; "
                f"got base_path()={self.model_base_path}. "
                f"Pass --model_base_path={Path(self.model_base_path).resolve()}."
            )
        if self.batching_parameters_file and not self.enable_batching:
            raise StartError(
                "server_options.batching_parameters_file is set without setting server_options.enable_batching to "
                "true. Add --enable_batching, or leave --batching_parameters_file out."
            )


def parse(arguments: Sequence[str]) -> Options:
    """The options that a command line asks for.

    Raises:
        StartError: the values do not go together.
        SystemExit: status 2, the flags are not ours or not of their type (argparse has said why on stderr).
    """
    parser = _parser()
    values, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(_unknown(unknown[0]))
    return Options(**vars(values))


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
    return parser


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _unknown(argument: str) -> str:
    name = argument.lstrip("-").split("=")[0]
    nearest = difflib.get_close_matches(name, [option.name for option in fields(Options)], n=1)
    return f"unknown flag {argument}" + (f"; the nearest is --{nearest[0]}" if nearest else "; --help lists the flags")

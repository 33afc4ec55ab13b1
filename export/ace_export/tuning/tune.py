"""The way from an exported version to the files that it is best served with on this machine."""

import json
import logging
import os
import tempfile
from datetime import datetime
from pathlib import Path

from ace_export.errors import TuneError

from . import chart
from .bench import Bench
from .candidates import settings
from .choice import choose
from .config_files import BATCHING, SESSION, batching_parameters, session_config
from .load import Load
from .machine import Neighbours, processors
from .records import read_records
from .result import Result
from .survey import survey

FILES = (BATCHING, SESSION, "tune.png", "tune.json")
_QUIET = 0.1  # of the processors for others, at most
_MOST_CALLERS = 1000  # as many requests as ace_server lets wait without batching

logger = logging.getLogger(__name__)


def tune(version: Path, out: Path, *, seconds: float = 4.0, rounds: int = 3, max_p99_ms: float | None = None) -> Path:
    """The folder `out` with FILES in it, measured on servers of the version that run on this machine.

    Each candidate is measured for `seconds` at full load and for as long at a steady rate; the best of them and the
    defaults again in `rounds`, in turn. Files that are there from an earlier run are replaced, each as a whole.

    Raises:
        TuneError: the version or a server is not fit to be measured, none keeps within `max_p99_ms`, or `out` cannot be
            written to.
    """
    _check_out(out, version)
    records = read_records(version)
    count = len(processors())
    tried = settings(count, records.batch_sizes)
    neighbours = Neighbours()
    enough = max((setting.batch_threads + 1) * setting.batch_sizes[-1] for setting in tried)  # a full batch waits
    load = Load(records.images, callers=min(enough, _MOST_CALLERS), seconds=seconds)
    logger.info("Measuring %d settings and the defaults: %d callers, JPEGs of the version", len(tried), load.callers)
    with tempfile.TemporaryDirectory(prefix="ace-tune-") as folder, Bench(version, load, Path(folder)) as bench:
        found = survey(bench, tried, rounds=rounds, max_p99_ms=max_p99_ms)
    choice = choose((*found.defaults, *found.finalists), max_p99_ms)
    result = Result(version, load, found, choice, count, neighbours.share(), datetime.now().astimezone())
    _write(result, out)
    _tell(result, out)
    return out


def _check_out(out: Path, version: Path) -> None:
    """Refuse before anything is measured what could not be written afterwards."""
    if out.resolve().is_relative_to(version.resolve()):
        raise TuneError(
            f"{out} is inside the version, and a published version is never written to. Pass another --out."
        )
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise TuneError(f"{there} cannot be written to. Pass another --out.")


def _write(result: Result, out: Path) -> None:
    notes = result.notes
    threads_by_flag = "tensorflow_model_server takes these numbers from its flags alone: give them there as well."
    contents = (
        batching_parameters(result.setting, max_enqueued_batches=result.max_enqueued_batches, notes=notes).encode(),
        session_config(result.setting, notes=[*notes, threads_by_flag]).encode(),
        chart.draw(result),
        (json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n").encode(),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in zip(FILES, contents, strict=True):
            unfinished = out / f".{name}.unfinished"
            unfinished.write_bytes(content)
            unfinished.replace(out / name)
    except OSError as error:
        raise TuneError(f"The result could not be written to {out}: {error.strerror}. Pass another --out.") from error


def _tell(result: Result, out: Path) -> None:
    logger.info(
        "\nimages/s and p99 full: at full load, %d callers. p50 and p99: at %.3g images/s\n\n%s\n",
        result.load.callers,
        result.survey.steady_per_s,
        result.table(),
    )
    logger.info("Chosen: %s: %s", result.chosen.candidate.name, result.choice.reason)
    logger.info("%s; in brackets the least and the most of %d rounds", result.gains, len(result.chosen.rounds))
    if result.advice:
        logger.info("%s", result.advice)
    if result.others_share is not None and result.others_share > _QUIET:
        logger.info(
            "Other processes took %.0f %% of the processors meanwhile. Measure again on a quiet machine before you "
            "rely on it.",
            100 * result.others_share,
        )
    logger.info("\nServe with either:\n%s\n", result.commands(out))

"""Exported versions in words: what is in one, and where two answer otherwise."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from . import manifest
from .answers import Answer, answers
from .signatures import FILE_NAME
from .version import Version, read_version


def describe(folder: Path) -> str:
    """What a version was made of, how it is served and how it was checked, as a table.

    Raises:
        VersionError: the folder holds none that this tool wrote.
    """
    version = read_version(folder)
    return "\n".join([str(folder), *_aligned([*_rows(version), *_signature_rows(version)])])


def _rows(version: Version) -> Iterable[tuple[str, str]]:
    said, folder = version.manifest, version.folder
    height, width = said["input_size"]
    paths = [folder / path for path in (*said["files"], manifest.PATH)]
    size_mb = sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
    yield "source", f"{said['source']['file']}, SHA-256 {said['source']['sha256']}"
    yield "created", f"{said['created']} by {', '.join(f'{name} {it}' for name, it in said['versions'].items())}"
    yield "contract", str(said["contract"])
    yield "input", f"{width}×{height} RGB, scaled as {said['scale']}; images of up to {said['max_pixels']:,} pixels"
    yield "output", f"{said['output']} of ({', '.join(said['classes'])}), temperature {said['temperature']:g}"
    yield "threshold", f"fake from {said['threshold']:g}"
    yield "precision", said["precision"] + (", compiled by XLA" if said["xla"] else "")
    yield "metrics", ", ".join(_metrics(said["metrics"])) or "none: no report of training lay beside the detector"
    parity = said["parity"]
    yield (
        "parity",
        f"prob_fake within {parity['max_abs_delta']:.1e} (mean {parity['mean_abs_delta']:.1e}, allowed "
        f"{parity['allowed']:.0e}) of OpenCV and Keras on {len(parity['abs_delta'])} images",
    )
    yield "golden", f"{len(said['golden'])} images with their answers, in {manifest.GOLDEN}/"
    yield "graph", f"SHA-256 {said['files'].get(FILE_NAME, 'unknown')}"
    yield "files", f"{len(paths)}, {size_mb:.1f} MB"


def _metrics(metrics: dict[str, object]) -> Iterable[str]:
    return (f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, int | float))


def _signature_rows(version: Version) -> Iterable[tuple[str, str]]:
    for name, signature in version.manifest["signatures"].items():
        inputs, outputs = (_tensors(signature[side]) for side in ("inputs", "outputs"))
        yield f"· {name}", f"{inputs} → {outputs}"


def _tensors(shapes: dict[str, str]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())


def compare(first: Path, second: Path) -> str:
    """What two versions answer to the golden images of both, as a table, and a line that sums it up.

    Raises:
        VersionError: a folder holds no version that this tool wrote.
    """
    versions = [read_version(folder) for folder in (first, second)]
    images = {image.name: image.data for version in reversed(versions) for image in version.golden()}
    found = [answers(version.folder, list(images.values())) for version in versions]
    rows = [("image", str(first), str(second), "difference", "")]
    rows += [_comparison(name, *pair) for name, pair in zip(images, zip(*found, strict=True), strict=True)]
    deltas = [a.distance(b) for a, b in zip(*found, strict=True)]
    turned = sum(a.label != b.label for a, b in zip(*found, strict=True))
    return "\n".join(
        [*_aligned(rows), f"largest difference {max(deltas):.1e}; {turned} of {len(images)} labels differ"]
    )


def _comparison(name: str, first: Answer, second: Answer) -> tuple[str, str, str, str, str]:
    difference = first.distance(second)
    turned = f"{first.label or 'refused'} → {second.label or 'refused'}" if first.label != second.label else ""
    return name, _cell(first), _cell(second), f"{difference:.1e}" if difference else "0", turned


def _cell(answer: Answer) -> str:
    return answer.error or f"{answer.prob_fake:.6f} {answer.label}"


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows as lines, each column but the last as wide as its widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

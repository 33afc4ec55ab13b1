"""Whether an exported version still is what its manifest says."""

from pathlib import Path

from ace_client import contract

from . import manifest
from .answers import answers
from .errors import VersionError
from .parity import TOLERANCES
from .signatures import contract_signatures, read_signatures
from .version import Version, read_version


def verify(folder: Path) -> dict[str, str]:
    """What was looked at, and what was found; nothing differs.

    Raises:
        VersionError: the first difference.
    """
    version = read_version(folder)
    return {
        "files": _check_files(version),
        "signatures": _check_signatures(version),
        "answers": _check_answers(version),
    }


def _check_files(version: Version) -> str:
    written, found = version.manifest["files"], manifest.hashes(version.folder)
    for path in sorted(written.keys() | found.keys()):
        if path not in found:
            raise VersionError(f"{version.folder / path} is missing.")
        if path not in written:
            raise VersionError(f"{version.folder / path} was not there when the version was exported.")
        if written[path] != found[path]:
            raise VersionError(f"{version.folder / path} has changed since the version was exported.")
    return f"{len(found)}, each with the hash that it was written with"


def _check_signatures(version: Version) -> str:
    found, input_size = read_signatures(version.folder), version.manifest["input_size"]
    features = found.get(contract.FEATURES, {}).get("outputs", {}).get(contract.FEATURE_VECTORS)
    for name, expected in contract_signatures(input_size, features).items():
        if found.get(name) != expected:
            raise VersionError(f"The signature {name} is {found.get(name)}, and the contract has {expected}.")
    return f"{', '.join(found)}: as the contract has them"


def _check_answers(version: Version) -> str:
    golden = version.golden()
    tolerance = TOLERANCES[version.manifest["precision"]]  # for other processors round otherwise
    found = answers(version.folder, [image.data for image in golden])
    for image, answer in zip(golden, found, strict=True):
        near = abs(image.answer.prob_fake - version.manifest["threshold"]) <= tolerance  # where the label may turn
        if image.answer.distance(answer) > tolerance or (image.answer.label != answer.label and not near):
            raise VersionError(f"To the golden image '{image.name}' it answers {answer}, and at export {image.answer}.")
    largest = max(image.answer.distance(answer) for image, answer in zip(golden, found, strict=True))
    return f"to {len(golden)} golden images within {largest:.1e} of those at export (allowed: {tolerance:.0e})"

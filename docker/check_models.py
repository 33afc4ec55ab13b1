"""Whether every version in a folder is, byte by byte, what its manifest says: `check_models.py /models/detector`.

What runs before a server starts, in an init container: a copy that was cut short, or changed, is never served.
"""

import hashlib
import json
import sys
from pathlib import Path


def problems(version: Path) -> list[str]:
    """What is wrong with a version's files, one line each."""
    try:
        manifest = json.loads((version / "assets.extra/manifest.json").read_text(encoding="utf-8"))
        hashes = manifest["files"].items()
    except (OSError, ValueError, KeyError) as error:
        return [f"{version}: no manifest that can be read ({error!r}); publish it again with ace-export"]
    return [f"{version / name}: {fault}" for name, sha256 in hashes if (fault := _fault(version / name, sha256))]


def _fault(file: Path, sha256: str) -> str:
    if not file.is_file():
        return "missing"
    return "" if hashlib.sha256(file.read_bytes()).hexdigest() == sha256 else "changed"


def main(folder: str) -> int:
    """0 all versions are whole, 1 none is there or one is not."""
    versions = sorted(path for path in Path(folder).glob("*") if path.name.isdecimal())
    found = [problem for version in versions for problem in problems(version)]
    if not versions:
        found = [f"{folder} holds no version: mount the models there"]
    print("\n".join(found) or f"whole: {', '.join(str(version) for version in versions)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

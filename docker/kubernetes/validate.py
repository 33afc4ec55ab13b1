"""Every manifest of this folder, as `kubectl apply -k` would render it, held to Kubernetes' own schemas.

Strict: a field that the schema does not have is an error. What is no part of Kubernetes itself is named, not held.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

HERE = Path(__file__).parent
FOLDERS = ("state", *sorted(f"overlays/{path.name}" for path in (HERE / "overlays").iterdir()))


def render(folder: str) -> list[dict[str, Any]]:
    """The manifests of a folder below this one.

    Raises:
        subprocess.CalledProcessError: kustomize has said on stderr what is wrong.
    """
    command = ["kubectl", "kustomize", str(HERE / folder)]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - a folder of ours
    return [*yaml.safe_load_all(rendered.stdout)]


def problems(manifest: dict[str, Any]) -> Iterator[str]:
    """What the schema of the manifest's kind does not allow, a line each; nothing for a kind of others."""
    version = kubernetes_validate.latest_version()
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        print(f"not held to a schema: {name(manifest)} is no part of Kubernetes {version}", file=sys.stderr)


def name(manifest: dict[str, Any]) -> str:
    """How kubectl names it: deployment/detector."""
    return f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"


def main() -> int:
    """0 all are valid, or kubectl, which renders them, is not here; 1 one is not."""
    if not shutil.which("kubectl"):
        print("Kubernetes manifests not validated: install kubectl, which renders them.", file=sys.stderr)
        return 0
    wrong = [
        f"{folder}: {name(manifest)}: {problem}"
        for folder in FOLDERS
        for manifest in render(folder)
        for problem in problems(manifest)
    ]
    print("\n".join(wrong) or f"Kubernetes manifests: {len(FOLDERS)} folders, all valid")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

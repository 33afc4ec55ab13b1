"""Imports between the packages point one way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "clients/ace_client": set(),
    "export/ace_export": {"ace_client.contract"},
    "loadtest/ace_loadtest": {"ace_client"},
    "serving/ace_rollout": {"ace_client"},
    "serving/ace_server": set(),
    "training/ace_training": {"ace_client", "ace_export"},
}


def imported_from_ours(package: Path) -> set[str]:
    """The modules of other packages of the repository that any file of the package imports, anywhere in it."""
    names: set[str] = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.startswith("ace_") and name.split(".")[0] != package.name}


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package):
    allowed = ALLOWED[package]

    wrong = [
        name
        for name in imported_from_ours(ROOT / package)
        if not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed)
    ]

    assert wrong == []


def test_every_package_is_held_to_it():
    assert {str(init.parent.relative_to(ROOT)) for init in ROOT.glob("*/ace_*/__init__.py")} == set(ALLOWED)

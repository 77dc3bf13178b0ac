"""Imports run one way: docs/layers.toml orders the packages, and its picture is up to date."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import ROOT

SOURCE = ROOT / "src" / "unswayed"
LAYERS = tomllib.loads((ROOT / "docs" / "layers.toml").read_text("utf-8"))["layer"]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer["packages"]}
ENTRY = {"__init__", "__main__"}
"""The package's own front door: it may import whatever it offers."""
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "vllm",
    "ray",
    "verl",
    "inspect_ai",
    "datasets",
    "peft",
    "accelerate",
}
LIGHT = ("question", "conditions", "answers", "metrics", "scenes", "trial", "errors", "store", "report")
"""These import no heavy package, not even lazily."""


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import of a file: at its top, inside functions, and for type checkers."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: a relative import"
            module = node.module or ""
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def package(file: Path) -> str:
    """The top-level package or module of a source file."""
    return file.relative_to(SOURCE).with_suffix("").parts[0]


FILES = sorted(SOURCE.rglob("*.py"))


def test_every_package_has_its_layer() -> None:
    there = {package(file) for file in FILES} - ENTRY
    assert there == set(LEVEL)


def test_imports_run_one_way() -> None:
    wrong = []
    for file in FILES:
        own = package(file)
        if own in ENTRY:
            continue
        for line, name in imports(file):
            parts = name.split(".")
            if parts[0] != "unswayed":
                continue
            other = parts[1] if len(parts) > 1 and parts[1] in LEVEL else "__init__"
            if other != own and LEVEL.get(other, 99) >= LEVEL[own]:
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "a package imports one of its own or a later layer (docs/layers.toml):\n" + "\n".join(
        wrong
    )


@pytest.mark.parametrize("name", LIGHT)
def test_light_packages_import_no_heavy_library(name: str) -> None:
    heavy = [
        f"{file.relative_to(ROOT)}:{line} imports {imported}"
        for file in FILES
        if package(file) == name
        for line, imported in imports(file)
        if imported.split(".")[0] in HEAVY
    ]
    assert not heavy


def test_no_folder_holds_more_modules_than_a_reader_can_overlook() -> None:
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in {file.parent for file in FILES}
        if (count := sum(file.name != "__init__.py" for file in folder.glob("*.py"))) > 16
    }
    assert not crowded


def test_the_picture_is_drawn_from_the_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    namespace: dict[str, object] = {"__name__": "architecture"}
    exec((ROOT / "docs" / "architecture.py").read_text("utf-8"), namespace)
    drawn = namespace["fill"](page, LAYERS)  # type: ignore[operator]
    assert drawn == page, "run: python docs/architecture.py"

"""The table of capabilities equals its records, and a fresh probe finds the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from places import ROOT

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("aiohttp")

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("capabilities_script", DOCS / "capabilities.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_made_of_the_records(script: ModuleType) -> None:
    assert script.within(script.PAGE.read_text()) == script.table(script.read())


def test_the_readme_has_the_same_table_if_any(script: ModuleType) -> None:
    page = script.README.read_text("utf-8")
    if script.BEGIN not in page:
        pytest.skip("the table is in docs/capabilities.md alone")
    assert script.within(page) == script.table(script.read())


def test_a_page_with_an_empty_place_gets_the_table_and_keeps_it(script: ModuleType) -> None:
    matrix = script.table(script.read())
    page = f"Before.\n\n{script.BEGIN}\n{script.END}\n\nBehind.\n"
    once = script.filled(page, matrix)
    assert script.within(once) == matrix
    assert once.replace(matrix, "") == page
    assert script.filled(once, matrix) == once
    assert script.filled(script.filled(page, "| old |\n"), matrix) == once


def test_no_server_of_the_tests_passes_for_a_real_one(script: ModuleType) -> None:
    names = {one["of"] for one in _fresh(script)}
    assert any("stand-in" in name for name in names)
    recorded = [one for one in script.read() if "stand-in" in one["of"]]
    assert {one["of"] for one in recorded} == {name for name in names if "stand-in" in name}


def test_probing_again_finds_what_is_recorded(script: ModuleType) -> None:
    known = {(one["backend"], one["of"].split(", transformers ")[0]): one for one in script.read()}
    result = list(_fresh(script))
    assert len(result) >= 8
    for one in result:
        name = (one["backend"], one["of"].split(", transformers ")[0])
        assert {field: known[name][field] for field in script.FIELDS} == {
            field: one[field] for field in script.FIELDS
        }, name


def _fresh(script: ModuleType) -> Iterator[dict[str, Any]]:
    yield from script.inside()
    yield from script.stand_ins()
    yield from script.planted()

"""Examples in docstrings become blocks of code on the site."""

from __future__ import annotations

import pytest

pytest.importorskip("griffe", reason="needs the extra docs")

from docstring_examples import as_code_blocks


def test_examples_become_one_block_without_prompts_and_flags():
    docstring = "Adds.\n\n>>> for i in range(2):  # doctest: +SKIP\n...     print(i)\n>>> add(1, 2)\n\nMore."
    assert as_code_blocks(docstring) == (
        "Adds.\n\n```python\nfor i in range(2):\n    print(i)\nadd(1, 2)\n```\n\nMore."
    )


def test_other_docstrings_stay_as_they_are():
    assert (
        as_code_blocks("A > B, and `>>>` in a line.\n\n* a list") == "A > B, and `>>>` in a line.\n\n* a list"
    )

"""No code outside `formats` spells a mark of a thought or an answer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import unswayed

SOURCE = Path(unswayed.__file__).parent
MARK = re.compile(
    r"<\s{0,4}/?\s{0,4}(?:think(?:ing)?|thought|answer|seed:think)\b|◁|▷|\[/?THINK\]|_of_box\|>|<\|?channel",
    re.IGNORECASE,
)
ALLOWED = {
    # Folding of look-alike characters, whatever they are used for.
    "answers/option_matching.py",
}


def spelled(file: Path) -> Iterator[str]:
    """String constants with a mark, docstrings apart."""
    text = file.read_text("utf-8")
    if not MARK.search(text):
        return
    tree = ast.parse(text)
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        words = node.value if isinstance(node, ast.Constant) else None
        if isinstance(words, str) and id(node) not in docs and MARK.search(words):
            yield f"{file.relative_to(SOURCE)}:{node.lineno}: {words[:60]!r}"


def test_only_formats_spells_a_mark() -> None:
    found = [
        line
        for file in sorted(SOURCE.rglob("*.py"))
        if file.relative_to(SOURCE).parts[0] != "formats" and str(file.relative_to(SOURCE)) not in ALLOWED
        for line in spelled(file)
    ]
    assert not found, "\n".join(["take these from unswayed.formats:", *found])

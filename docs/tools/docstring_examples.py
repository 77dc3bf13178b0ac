"""Shows examples in docstrings as code on the site: an extension of griffe, which reads the docstrings."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^\.\.\. .*\n?)*)+", re.MULTILINE)
_DOCTEST_FLAG = re.compile(r" *# doctest: \+\w+$", re.MULTILINE)


def as_code_blocks(docstring: str) -> str:
    """The docstring with its `>>>` lines in fenced blocks, without the flags meant for doctest."""

    def block(match: re.Match[str]) -> str:
        code = re.sub(r"^(?:>>>|\.\.\.) ", "", _DOCTEST_FLAG.sub("", match[0]), flags=re.MULTILINE)
        return f"```python\n{code.rstrip()}\n```\n"

    return _EXAMPLE.sub(block, docstring)


class DocstringExamples(griffe.Extension):
    """Applies `as_code_blocks` to every docstring."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_code_blocks(obj.docstring.value)

"""The presets: formats of known models, by name; and which of them is native to a model.

A preset is a TOML file in `presets`. Its patterns are searched in the model's name, in any case; the one
whose match is longest wins. Where no name matches, a chat template that holds the mark of exactly one preset
decides.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources
from pathlib import Path

from unswayed.errors import BadInput
from unswayed.formats.files import load_format, parse_format
from unswayed.formats.format import COMMON, Format, Marks

NATIVE = "native"


@lru_cache(maxsize=1)
def presets() -> dict[str, Format]:
    """All presets by name, the common format first."""
    found = {COMMON.name: COMMON}
    folder = resources.files("unswayed.formats") / "presets"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found[name] = parse_format(file.read_text("utf-8"), file.name, name)
    return found


def find_format(spec: str, model: str = "", template: str = "") -> Format:
    """The format that a user names: ``common``, ``native``, the name of a preset, or a TOML file.

    `model` (its name or path) and `template` (its chat template, if known) decide what is native. Raises
    `BadInput` if there is none.
    """
    if spec == NATIVE:
        return native_format(model, template)
    if spec.endswith(".toml") or "/" in spec:
        return load_format(spec)
    if spec in presets():
        return presets()[spec]
    raise BadInput(
        f"unknown prompt format {spec!r}; there are {', '.join(presets())}, {NATIVE}, or a TOML file of your "
        "own"
    )


def native_format(model: str, template: str = "") -> Format:
    """The format that a model was trained in. Raises `BadInput` where none is known."""
    best: tuple[int, Format] | None = None
    for format in presets().values():
        for pattern in format.models:
            for hit in re.finditer(pattern, model, re.IGNORECASE):
                if best is None or len(hit[0]) > best[0]:
                    best = len(hit[0]), format
    if best is not None:
        return best[1]
    opened = [
        format
        for format in presets().values()
        if format.thought and _is_own(format.thought[0]) and format.thought[0].strip() in template
    ]
    if len(opened) == 1:
        return opened[0]
    raise BadInput(
        f"no native prompt format is known for {model!r}; name one of {', '.join(presets())}, or a TOML file "
        "of your own (unswayed formats --show)"
    )


def after_thought(reply: str) -> str | None:
    """`reply` behind a closed thought at its start, in the marks of any known format, stripped.

    The whole reply where it begins with no thought; None where the thought is not closed.
    """
    text = reply.strip()
    for opened, closed in known_thoughts():
        if text.startswith(opened):
            _, found, rest = text.rpartition(closed)
            return rest.strip() if found else None
    return text


@lru_cache(maxsize=1)
def known_thoughts() -> tuple[Marks, ...]:
    """The marks of the thoughts of all presets, without outer blanks."""
    marks = (marks for format in presets().values() for marks in format.thought_marks)
    return tuple(dict.fromkeys((opened.strip(), closed.strip()) for opened, closed in marks))


def _is_own(mark: str) -> bool:
    """Whether the mark of a thought belongs to one family of models."""
    users = {f.name for f in presets().values() if f.thought and f.thought[0].strip() == mark.strip()}
    return len(users) == 1


def model_name(spec: str) -> str:
    """The model in a spec as `unswayed audit` takes it; for a folder of weights, its whole path."""
    kind, colon, rest = spec.partition(":")
    if colon and kind in ("openai", "vllm", "inspect", "scripted") and not Path(spec).exists():
        return rest.partition(":")[0] if kind == "vllm" else rest
    return spec

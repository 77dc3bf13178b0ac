"""What a run is: the facts that decide what reaches the model, and the versions it was made with.

The part called ``asks`` may not change while a run is resumed; versions may, with a warning, and whether
an endpoint honours seeds, for that changes no question. Every process that wrote to the run is listed
under ``sessions``. A run whose thoughts one judge read is not continued by another one.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed import conditions
from unswayed.answers.parser import GRAMMAR
from unswayed.conditions import Condition
from unswayed.errors import BadInput, RunChanged
from unswayed.question import Cue, Cues, Question

FORMAT = 1
_PACKAGES = ("unswayed", "numpy", "pyarrow", "pillow", "torch", "transformers", "vllm")


def versions() -> dict[str, str]:
    """Versions of Python, of the grammar of answers, and of the packages that may matter, where installed."""
    found = {"python": platform.python_version(), "grammar": GRAMMAR}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def templates(hows: Sequence[Condition]) -> dict[str, dict[str, str]]:
    """The exact strings of every condition, with what varies in braces."""
    question = Question("", "", "{question}", ("{option A}", "{option B}"), 0)
    caption, thought = Cue("caption", 1, "{caption}."), Cue("thought", 1, "{thought}.")
    cues = Cues(caption, thought, caption, thought, caption)
    found = {}
    for how in hows:
        prompt = conditions.put(question, cues, how, ())
        assert isinstance(prompt, conditions.Prompt)
        found[how.name] = {"system": prompt.system, "text": prompt.text, "prefill": prompt.prefill}
    return found


def begin(asks: Mapping[str, Any]) -> dict[str, Any]:
    """A new manifest. `asks` must be fit for JSON."""
    # Through JSON and back, so that it compares equal to what is read later (tuples, int keys).
    return {"format": FORMAT, "asks": json.loads(json.dumps(asks)), "sessions": [session()]}


def finished(states: pa.ChunkedArray, shards: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The entry made at the end: trials in every state, and the shards (name: bytes) they came from."""
    counts = Counter(states.to_pylist())
    return {"trials": len(states), "states": dict(sorted(counts.items())), "shards": dict(shards or {})}


def session() -> dict[str, Any]:
    """The entry of one process."""
    return {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": versions()}


def read(path: Path) -> dict[str, Any]:
    """The manifest in a file. Raises `BadInput` if it is not one."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a run's manifest ({error}); give the folder of a run") from error
    if not isinstance(found, dict) or "asks" not in found or "sessions" not in found:
        raise BadInput(f"{path}: not a run's manifest; give the folder of a run")
    if found.get("format") != FORMAT:
        raise BadInput(
            f"{path}: written in format {found.get('format')}, this version reads format {FORMAT}; "
            "use the version of unswayed that wrote it"
        )
    return found


def resumed(old: dict[str, Any], new: dict[str, Any], path: Path) -> dict[str, Any]:
    """The manifest of a run that goes on. Raises `RunChanged` if it would ask something else."""
    changed = differences(_deciding(old["asks"]), _deciding(new["asks"]))
    if changed:
        raise RunChanged(
            f"{path} was begun with other settings; choose another folder or undo the change:\n"
            + "\n".join(f"  {line}" for line in changed)
        )
    before, now = old["asks"].get("judge"), new["asks"].get("judge")
    # Where a panel judged since, its verdicts fill the columns, and the audit's own judge decides nothing.
    if before != now and "judging" not in old:
        raise RunChanged(
            f"{path}: its thoughts were read by the judge {before}, and further ones would be by {now}; "
            f"let one judge read all of them first: unswayed judge {path} --judge rules"
        )
    if _seeded(old) != _seeded(new):
        warnings.warn(
            f"{path}: seeds were {'' if _seeded(old) else 'not '}honoured when it was begun, "
            f"and are {'' if _seeded(new) else 'not '}now",
            stacklevel=2,
        )
    other = differences(old["sessions"][-1]["versions"], new["sessions"][-1]["versions"])
    if other:
        warnings.warn(f"{path} was begun with other versions: {'; '.join(other)}", stacklevel=2)
    return {**old, "sessions": old["sessions"] + new["sessions"]}


def _deciding(asks: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``asks`` decides the questions; the judge is looked at apart."""
    can = asks.get("capabilities")
    found = {name: value for name, value in asks.items() if name != "judge"}
    if isinstance(can, dict):
        found["capabilities"] = {name: value for name, value in can.items() if name != "seeded"}
    return found


def _seeded(manifest: Mapping[str, Any]) -> bool:
    return bool(manifest["asks"].get("capabilities", {}).get("seeded", True))


def differences(old: object, new: object, name: str = "") -> list[str]:
    """One line for every field that differs: ``sampling.temperature: 0.0 then, 0.7 now``."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for field in sorted({*old, *new})
            for line in differences(
                old.get(field, _ABSENT), new.get(field, _ABSENT), f"{name}.{field}" if name else field
            )
        ]
    if old == new:
        return []
    return [f"{name}: {_shown(old)} then, {_shown(new)} now"]


_ABSENT = object()


def _shown(value: object) -> str:
    return "absent" if value is _ABSENT else json.dumps(value)

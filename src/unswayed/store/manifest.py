"""The manifest of a run: the settings that decide what reaches the model, and the versions used.

The part called ``asks`` may not change when a run is resumed. Versions may change, with a warning; so may
whether an endpoint honours seeds, because that changes no question. Every process that wrote to the run
has an entry under ``sessions``. A run judged by one judge is not continued with another judge.
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
from unswayed.formats import COMMON, Format
from unswayed.question import Cue, Cues, Question

FILE = "manifest.json"
FORMAT = 2
"""Written by this version; format 1 has no updates in its shards."""
_READABLE = (1, 2)
_FINDINGS = ("seeded", "thought", "refused", "turns")
"""Capabilities on which no question depends."""
_PACKAGES = ("unswayed", "numpy", "pyarrow", "pillow", "torch", "transformers", "vllm")


def versions() -> dict[str, str]:
    """Versions of Python, of the answer grammar, and of the installed packages that affect answers."""
    result = {"python": platform.python_version(), "grammar": GRAMMAR}
    for name in _PACKAGES:
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result


def prompt_templates(
    conditions_used: Sequence[Condition], format: Format = COMMON
) -> dict[str, dict[str, str]]:
    """The exact strings of every condition that the format can ask, with the variable parts in braces."""
    question = Question("", "", "{question}", ("{option A}", "{option B}"), 0)
    caption, thought = Cue("caption", 1, "{caption}."), Cue("thought", 1, "{thought}.")
    cues = Cues(caption, thought, caption, thought, caption, caption)
    templates = {}
    for condition in conditions_used:
        prompt = conditions.build_prompt(question, cues, condition, (), format)
        if isinstance(prompt, conditions.Prompt):
            strings = {"system": prompt.system, "text": prompt.text, "prefill": prompt.prefill}
            if prompt.follow_up:
                strings["follow_up"] = prompt.follow_up
            if condition.draws and prompt.cue is not None:
                strings["in_image"] = prompt.cue.text
            templates[condition.name] = strings
    return templates


def new_manifest(asks: Mapping[str, Any]) -> dict[str, Any]:
    """A new manifest. `asks` must be serialisable as JSON."""
    # Through JSON and back, so that it compares equal to a manifest read later (tuples, int keys).
    return {"format": FORMAT, "asks": json.loads(json.dumps(asks)), "sessions": [session_entry()]}


def completion_entry(
    states: pa.ChunkedArray, shards: Mapping[str, int] | None = None, table_sha256: str | None = None
) -> dict[str, Any]:
    """The entry of a finished run: trials by state, its shards (name: size in bytes), hash of its table."""
    counts = Counter(states.to_pylist())
    entry: dict[str, Any] = {"trials": len(states), "states": dict(sorted(counts.items()))}
    entry["shards"] = dict(shards or {})
    if table_sha256:
        entry["table_sha256"] = table_sha256
    return entry


def run_format(manifest: Mapping[str, Any]) -> Format:
    """The prompt format of a run. Raises `BadInput` for a damaged one."""
    values = manifest["asks"].get("format")
    return COMMON if values is None else Format.from_dict(values if isinstance(values, dict) else {})


def session_entry() -> dict[str, Any]:
    """The entry of one process that writes to the run."""
    return {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": versions()}


def read(path: Path) -> dict[str, Any]:
    """The manifest in a file. Raises `BadInput` if it is not one."""
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        problem, remedy = error.strerror or str(error), "give the folder of a run"
        if any((path.parent / "shards").glob("[0-9]*.jsonl")):
            remedy = f"restore it from the shards: unswayed repair {path.parent}"
        raise BadInput(f"{path}: not a run's manifest ({problem}); {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path}: not a run's manifest, or a damaged one ({error}); bring back a copy, or restore it "
            f"from the run's shards: unswayed repair {path.parent}"
        ) from error
    if isinstance(manifest, dict) and "format" in manifest and manifest["format"] not in _READABLE:
        raise BadInput(
            f"{path}: written in format {manifest['format']}, this version reads formats up to {FORMAT}; "
            "use the version of unswayed that wrote it"
        )
    if problem := _problem(manifest):
        raise BadInput(
            f"{path}: not a run's manifest, or a damaged one ({problem}); give the folder of a run, bring "
            f"back a copy, or restore it from the run's shards: unswayed repair {path.parent}"
        )
    return manifest  # type: ignore[no-any-return]


def _problem(manifest: object) -> str:
    """What a manifest lacks; empty where it has everything that readers rely on."""
    if not isinstance(manifest, dict):
        return "it is no JSON object"
    asks, sessions = manifest.get("asks"), manifest.get("sessions")
    if not isinstance(asks, dict) or not isinstance(asks.get("model"), str):
        return "its 'asks' does not name the model"
    if not isinstance(sessions, list) or not sessions:
        return "it has no 'sessions'"
    for session in sessions:
        if not isinstance(session, dict) or not isinstance(session.get("started"), str):
            return "a session has no 'started'"
        if not isinstance(session.get("versions"), dict):
            return "a session has no 'versions'"
    finished = manifest.get("finished")
    if finished is not None and not (
        isinstance(finished, dict)
        and isinstance(finished.get("trials"), int)
        and isinstance(finished.get("shards"), dict)
    ):
        return "its 'finished' does not count the trials"
    return ""


def resume(old: dict[str, Any], new: dict[str, Any], path: Path) -> dict[str, Any]:
    """The manifest of a resumed run. Raises `RunChanged` if it would ask something else."""
    changed = differences(_prompt_settings(old["asks"]), _prompt_settings(new["asks"]))
    if changed:
        raise RunChanged(
            f"{path} was begun with other settings; choose another folder or undo the change:\n"
            + "\n".join(f"  {line}" for line in changed)
        )
    before, now = old["asks"].get("judge"), new["asks"].get("judge")
    # Where a panel judged since, its verdicts fill the columns and the audit's own judge has no effect.
    if before != now and "judging" not in old:
        raise RunChanged(
            f"{path}: its thoughts were judged by {before}, and new ones would be judged by {now}; "
            f"let one judge read all of them first: unswayed judge {path} --judge rules"
        )
    if _honours_seeds(old) != _honours_seeds(new):
        warnings.warn(
            f"{path}: the endpoint {'honoured' if _honours_seeds(old) else 'did not honour'} seeds when the "
            f"run was begun, and {'honours' if _honours_seeds(new) else 'does not honour'} them now",
            stacklevel=2,
        )
    changed = differences(old["sessions"][-1]["versions"], new["sessions"][-1]["versions"])
    if changed:
        warnings.warn(f"{path} was begun with other versions: {'; '.join(changed)}", stacklevel=2)
    return {**old, "format": FORMAT, "sessions": old["sessions"] + new["sessions"]}


def _prompt_settings(asks: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``asks`` that decides what reaches the model; the judge is compared separately."""
    capabilities = asks.get("capabilities")
    settings = {name: value for name, value in asks.items() if name != "judge"}
    if isinstance(capabilities, dict):
        settings["capabilities"] = {
            name: value for name, value in capabilities.items() if name not in _FINDINGS
        }
    return settings


def _honours_seeds(manifest: Mapping[str, Any]) -> bool:
    return bool(manifest["asks"].get("capabilities", {}).get("seeded", True))


def differences(old: object, new: object, name: str = "") -> list[str]:
    """One line per field that differs: ``sampling.temperature: 0.0 then, 0.7 now``."""
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
    return [f"{name}: {_format(old)} then, {_format(new)} now"]


_ABSENT = object()


def _format(value: object) -> str:
    return "absent" if value is _ABSENT else json.dumps(value)

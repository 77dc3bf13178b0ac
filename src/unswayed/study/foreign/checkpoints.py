"""The saved models of a run: where trainers put them, and of which step each is."""

from __future__ import annotations

import re
from pathlib import Path

from unswayed.errors import BadInput

_STEP = re.compile(r"(?:checkpoint|global_step|step)[-_](\d{1,12})")
_INSIDE = ("", "actor/huggingface", "huggingface", "actor", "hf", "policy")
"""Where in a step's folder the model lies: transformers; verl and EasyR1 with the weights saved for it."""


def find_checkpoints(folder: str | Path) -> dict[int, Path]:
    """The model of every saved step in `folder`, ascending.

    A step is a folder ``checkpoint-N`` (transformers, TRL), ``global_step_N`` (verl, EasyR1) or ``step-N``;
    the model is the folder in it that has a ``config.json`` and weights. Raises `BadInput` where there is
    none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: is no folder; give the folder that holds a run's checkpoints")
    steps = {int(m[1]): path for path in folder.iterdir() if (m := _STEP.fullmatch(path.name))}
    found = {step: model for step, path in sorted(steps.items()) if (model := _model(path))}
    if found:
        return found
    if steps:
        raise BadInput(
            f"{folder}: no checkpoint holds a model (config.json and weights); verl saves it with "
            "actor.checkpoint.save_contents=['model','hf_model'], or merges shards by "
            "`python -m verl.model_merger merge`"
        )
    raise BadInput(f"{folder}: has no folder checkpoint-N, global_step_N or step-N")


def _model(folder: Path) -> Path | None:
    for inside in _INSIDE:
        path = folder / inside
        if (path / "config.json").is_file() and (any(path.glob("*.safetensors")) or any(path.glob("*.bin"))):
            return path
    return None

"""TRL's private methods that our trainer overrides, as they were when it was written.

TRL may change them in any minor version, and an override of a method that has changed could train something
else without an error. So the signatures are recorded here, compared before every training, and tested.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

from unswayed.errors import BadInput

TRIED = ("1.16",)
"""Minor versions of TRL with which the tests pass; `pyproject.toml` pins them."""

HOOKS: dict[str, tuple[str, ...]] = {
    "_get_train_sampler": ("self", "dataset"),
    "_tokenize_prompts": ("self", "prompts"),
    "_generate_and_score_completions": ("self", "inputs"),
    "_generate_single_turn": (
        "self", "prompt_ids", "images", "multimodal_fields", "num_generations", "has_tool_images",
    ),
    "_get_per_token_logps_and_entropies": (
        "self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy",
        "compute_aux_loss", "pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask",
        "spatial_shapes", "num_tiles", "image_sizes", "token_type_ids", "mm_token_type_ids",
        "image_position_ids",
    ),
    "_compute_loss": ("self", "model", "inputs"),
    "_save_checkpoint": ("self", "model", "trial"),
    "_load_optimizer_and_scheduler": ("self", "checkpoint"),
    "_load_from_checkpoint": ("self", "resume_from_checkpoint", "model"),
}  # fmt: skip
"""Parameter names by method."""


def changed_hooks(trainer: type[Any]) -> list[str]:
    """A sentence for every recorded method that `trainer` lacks or whose parameters differ."""
    sentences = []
    for name, recorded in HOOKS.items():
        method = getattr(trainer, name, None)
        if method is None:
            sentences.append(f"{trainer.__name__}.{name} does not exist any more")
            continue
        parameters = tuple(inspect.signature(method).parameters)
        if parameters != recorded:
            added = ", ".join(p for p in parameters if p not in recorded) or "none"
            removed = ", ".join(p for p in recorded if p not in parameters) or "none"
            sentences.append(
                f"the parameters of {trainer.__name__}.{name} changed (new: {added}; gone: {removed})"
            )
    return sentences


def check_hooks() -> None:
    """Raises `BadInput` where the installed TRL has other private methods than those recorded."""
    from trl import GRPOTrainer

    if changed := changed_hooks(GRPOTrainer):
        raise BadInput(
            f"trl {version('trl')} does not fit this version of unswayed: {'; '.join(changed)}. "
            f"Install a version that was tried: pip install 'trl=={TRIED[-1]}.*'"
        )

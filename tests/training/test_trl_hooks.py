"""TRL's private methods are those that the trainer was written for."""

from __future__ import annotations

import inspect
import tomllib
from importlib.metadata import version
from typing import Any

import pytest

pytest.importorskip("trl")

from trl import GRPOTrainer

from places import ROOT
from unswayed.errors import BadInput
from unswayed.training.grpo import trl_hooks
from unswayed.training.grpo.shared_prompts import SharedPromptsTrainer
from unswayed.training.grpo.trainer import ConditionedGRPOTrainer
from unswayed.training.trainer_base import TrainerMixin


def test_the_installed_trl_has_the_recorded_methods() -> None:
    changed = trl_hooks.changed_hooks(GRPOTrainer)
    assert not changed, f"trl {version('trl')}: {'; '.join(changed)}. Adapt training/grpo, then update HOOKS"


def test_every_private_method_of_trl_that_we_override_is_recorded() -> None:
    own = {
        name
        for kind in (ConditionedGRPOTrainer, TrainerMixin, SharedPromptsTrainer)
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and name.startswith("_") and not name.startswith("__")
    }
    overridden = {name for name in own if hasattr(GRPOTrainer, name)}
    assert overridden == set(trl_hooks.HOOKS)


def test_a_change_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed(GRPOTrainer):  # type: ignore[misc]
        def _compute_loss(self, model: Any, batch: Any) -> Any: ...

        _tokenize_prompts = None

    said = "; ".join(trl_hooks.changed_hooks(Changed))
    assert "Changed._tokenize_prompts does not exist any more" in said
    assert "parameters of Changed._compute_loss changed (new: batch; gone: inputs)" in said
    monkeypatch.setattr("trl.GRPOTrainer", Changed)
    with pytest.raises(BadInput, match=r"does not fit this version of unswayed: .*pip install 'trl=="):
        trl_hooks.check_hooks()


def test_pyproject_pins_the_versions_that_were_tried() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (pin,) = [each for each in extras["train"] if each.startswith("trl")]
    first, last = trl_hooks.TRIED[0], trl_hooks.TRIED[-1]
    major, minor = map(int, last.split("."))
    assert pin == f"trl>={first},<{major}.{minor + 1}"

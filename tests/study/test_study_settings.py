"""A study's file: what it says of every run, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from places import ROOT
from unswayed.errors import BadInput
from unswayed.study.settings import Study, load
from unswayed.training.config.grpo import ARMS, Config

STUDIES = ROOT / "studies"
CONFIGS = STUDIES.parent / "configs"


def study(folder: Path, text: str, *changes: str) -> Study:
    file = folder / "study.toml"
    file.write_text(text)
    return load(file, changes)


def test_what_lies_over_what(tmp_path: Path) -> None:
    """The base, what the arm's name brings, the arm's own table, --set: each goes over those before."""
    text = """
        seeds = [3, 1]
        base.reward.combine = "additive"
        base.grpo.lr = 1e-3
        base.grpo.steps = 7
        base.augment.wrong_caption = 0.3
        base.augment.correct_caption = 0.3
        [arms.grpo]
        [arms."grpo+faith"]
        [arms."grpo+aug"]
        grpo.lr = 1e-2
        augment.wrong_think = 0.2
        augment.correct_think = 0.2
    """
    found = study(tmp_path, text, "grpo.steps=9", "processes=4")
    assert list(found.arms) == ["grpo", "grpo+faith", "grpo+aug"]
    assert found.seeds == (3, 1)
    assert found.processes == 4
    assert found.config("grpo", 1).reward.combine == "additive"
    assert found.config("grpo+faith", 1).reward.combine == "multiplicative", "the arm is what its name says"
    aug = found.config("grpo+aug", 3)
    assert (aug.arm, aug.seed, aug.grpo.lr, aug.grpo.steps) == ("grpo+aug", 3, 1e-2, 9)
    assert aug.augment.wrong_caption == ARMS["grpo+aug"]["augment.wrong_caption"]
    assert aug.augment.wrong_think == 0.2
    assert found.config("grpo", 1).augment.wrong_caption == 0.3


def test_the_base_may_be_a_training_config(tmp_path: Path) -> None:
    base = tmp_path / "deep" / "base.toml"
    base.parent.mkdir()
    base.write_text('arm = "grpo+aug"\nseed = 5\n[grpo]\nsteps = 3\n')
    found = study(tmp_path, 'base = "deep/base.toml"\nseeds = [0]\n[arms.grpo]\n')
    assert found.config("grpo", 0) == Config(grpo=found.config("grpo", 0).grpo)
    assert found.config("grpo", 0).grpo.steps == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seedz = [0]", "did you mean 'seeds'"),
        ("seeds = [0]\n[grpo]\nlr = 1.0", r"stands under base: \[base.grpo\]"),
        ("seeds = [0]", "arms is missing"),
        ("[arms.grpo]", "seeds is None"),
        ("seeds = []\n[arms.grpo]", "seeds is"),
        ("seeds = [1, 1]\n[arms.grpo]", "different whole numbers"),
        ("seeds = [true]\n[arms.grpo]", "seeds is"),
        ("seeds = [0]\nprocesses = 0\n[arms.grpo]", "processes is 0; give a whole number from 1 on"),
        ("seeds = [0]\n[arms.grpo]\n[base]\nseed = 1", "base: seed is set by the study"),
        ("seeds = [0]\n[arms.grpo]\narm = 'x'", "arm 'grpo': arm is set by the study"),
        ("seeds = [0]\n[arms.grpo.grpo]\nlrr = 1", "arm 'grpo': unknown setting 'grpo.lrr'; did you mean"),
        ("seeds = [0]\n[arms.grpo.grpo]\nsteps = 0", "arm 'grpo': grpo.steps is 0"),
        ("seeds = [0]\n[arms]\ngrpo = 1", "give a table of settings"),
        ("seeds = [0]\nbase = 1\n[arms.grpo]", "give the path of a training config"),
        ("seeds = [0]\nbase = 'no.toml'\n[arms.grpo]", "no.toml: cannot be read"),
        ("seeds = [0]\n[arms.grpo]\n[arms.'grpo-aug']", "'grpo' and 'grpo-aug' have the same settings"),
        ("seeds = [0]\n[arms.'a/b']\n[arms.'a b'.grpo]\nlr = 1", "would share a folder"),
        ("seeds = [0]\n[arms.grpo]\n[arms.'/'.grpo]\nlr = 1", "give it a name"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        study(tmp_path, text)


def test_arm_and_seed_are_not_set_from_outside(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="use --only, or seeds"):
        study(tmp_path, "seeds = [0]\n[arms.grpo]", "seed=1")


def test_the_shipped_studies_can_be_read() -> None:
    for file in STUDIES.glob("*.toml"):
        found = load(file)
        assert all(found.config(arm, seed).arm == arm for arm in found.arms for seed in found.seeds)
        bare = [name for name, own in found.arms.items() if name not in ARMS and not own]
        assert not bare, "a name without settings would be another 'grpo'"

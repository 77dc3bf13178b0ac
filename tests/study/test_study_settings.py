"""A study's file: what it says of every run, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from places import ROOT
from unswayed.errors import BadInput
from unswayed.study.settings import Study, load_study
from unswayed.training.config.arms import ARMS
from unswayed.training.config.grpo import GrpoConfig

STUDIES = ROOT / "studies"
CONFIGS = STUDIES.parent / "configs"


def study(folder: Path, text: str, *changes: str) -> Study:
    file = folder / "study.toml"
    file.write_text(text)
    return load_study(file, changes)


def test_the_order_is_arm_then_base_then_own_table_then_options(tmp_path: Path) -> None:
    text = """
        seeds = [3, 1]
        base.grpo.lr = 1e-3
        base.grpo.steps = 7
        base.grpo.prompts = 4
        [arms.grpo]
        [arms."grpo+faith"]
        [arms."grpo+aug"]
        grpo.lr = 1e-2
        augment.wrong_think = 0.2
        augment.correct_think = 0.2
        [arms.mine]
        reward.combine = "gated"
    """
    found = study(tmp_path, text, "grpo.steps=9", "processes=4")
    assert list(found.arms) == ["grpo", "grpo+faith", "grpo+aug", "mine"]
    assert found.seeds == (3, 1)
    assert found.processes == 4
    assert found.config("grpo", 1).reward.combine == "additive"
    assert found.config("grpo+faith", 1).reward.combine == "multiplicative", "the arm is what its name says"
    assert found.config("mine", 1).reward.combine == "gated"
    aug = found.config("grpo+aug", 3)
    assert (aug.arm, aug.seed, aug.grpo.lr, aug.grpo.steps) == ("grpo+aug", 3, 1e-2, 9)
    assert aug.grpo.prompts == 4
    assert aug.augment.wrong_caption == ARMS["grpo+aug"]["augment.wrong_caption"]
    assert aug.augment.wrong_think == 0.2


def test_a_base_that_contradicts_an_arm_is_refused(tmp_path: Path) -> None:
    """A base that says 'additive' would make 'grpo+faith' another 'grpo', or be ignored without a word."""
    text = 'seeds = [0]\nbase.reward.combine = "additive"\n[arms.grpo]\n[arms."grpo+faith"]\n'
    with pytest.raises(BadInput, match=r"base contradicts arm 'grpo\+faith': reward.combine = 'additive'"):
        study(tmp_path, text)
    own = study(tmp_path, text + 'reward.combine = "gated"\n')
    assert own.config("grpo+faith", 0).reward.combine == "gated", "its own table may deviate"
    with pytest.raises(BadInput, match=r"contradicts arm 'grpo': .*augment.wrong_caption = 0.3"):
        study(tmp_path, "seeds=[0]\nbase.augment={wrong_caption=0.3, correct_caption=0.3}\n[arms.grpo]\n")
    with pytest.raises(BadInput, match="have the same settings"):
        study(tmp_path, text, "reward.combine=additive")


def test_the_base_may_be_a_training_config(tmp_path: Path) -> None:
    base = tmp_path / "deep" / "base.toml"
    base.parent.mkdir()
    base.write_text('arm = "grpo+aug"\nseed = 5\n[grpo]\nsteps = 3\n')
    found = study(tmp_path, 'base = "deep/base.toml"\nseeds = [0]\n[arms.grpo]\n')
    assert found.config("grpo", 0) == GrpoConfig(grpo=found.config("grpo", 0).grpo)
    assert found.config("grpo", 0).grpo.steps == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seedz = [0]", "did you mean 'seeds'"),
        ("seeds = [0]\n[grpo]\nlr = 1.0", r"belong under base: \[base.grpo\]"),
        ("seeds = [0]", "arms is missing"),
        ("[arms.grpo]", "seeds is None"),
        ("seeds = []\n[arms.grpo]", "seeds is"),
        ("seeds = [1, 1]\n[arms.grpo]", "different whole numbers"),
        ("seeds = [true]\n[arms.grpo]", "seeds is"),
        ("seeds = [0]\nprocesses = 0\n[arms.grpo]", "processes is 0; give a whole number, at least 1"),
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
        found = load_study(file)
        assert all(found.config(arm, seed).arm == arm for arm in found.arms for seed in found.seeds)
        bare = [name for name, own in found.arms.items() if name not in ARMS and not own]
        assert not bare, "a name without settings would be another 'grpo'"

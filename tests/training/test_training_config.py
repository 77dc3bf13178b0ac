"""Config files: typed, documented, strict."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from places import ROOT
from unswayed.errors import BadInput
from unswayed.training import augmentation
from unswayed.training.config import grpo as settings
from unswayed.training.config import reward
from unswayed.training.config.grpo import ARMS, Config
from unswayed.training.config.loader import (
    as_dict,
    changed,
    difference,
    flat,
    known,
    load,
    make,
    parse,
)
from unswayed.training.grpo import constraints

CONFIGS = ROOT / "configs"


RL = [file for file in sorted(CONFIGS.glob("*.toml")) if not file.stem.startswith("sft-")]


@pytest.mark.parametrize("file", RL, ids=lambda p: p.stem)
def test_shipped_configs_are_whole(file: Path) -> None:
    config = load(file)
    assert difference(as_dict(config), as_dict(load(file))) == []
    assert make(as_dict(config)) == config, "what is stored is what is meant"


def test_the_large_config_has_the_papers_settings() -> None:
    config = load(CONFIGS / "qwen2.5-vl-7b.toml")
    assert config.grpo.num_generations == 8
    assert (config.reward.format, config.reward.correct) == (0.1, 1.0)
    assert set(config.augment.by_condition().values()) == {0.1}
    assert config.audit.every == 250


def test_what_is_not_the_papers_is_marked_in_the_large_config() -> None:
    """Every line of a setting says whose it is, itself or in the head of its table or list."""
    whose = ""
    for line in (CONFIGS / "qwen2.5-vl-7b.toml").read_text().splitlines():
        said = line.partition("#")[2]
        mark = "ours" if "ours" in said else "paper" if "paper" in said else ""
        if line.startswith("["):
            whose = mark
        elif "=" in line.partition("#")[0]:
            assert mark or whose, line


def test_a_folder_of_an_older_version_goes_on_and_only_the_guard_may_change() -> None:
    now = as_dict(Config())
    old = {name: table for name, table in now.items() if name not in ("guard", "floors")}
    assert changed(old, now) == []
    assert changed(now, as_dict(make({"guard": {"patience": 3}}))) == []
    assert changed(old, as_dict(make({"floors": {"words": 3}}))) == ["floors.words: 0, now 3"]
    assert changed({**old, "gone": 1}, now) == ["gone: 1, now None"]
    of_study = {name: value for name, value in now.items() if name != "seed"}
    assert changed({}, of_study) == []


def test_every_field_has_a_line_of_its_own() -> None:
    """A string below each field, in the source."""
    for module in (settings, augmentation, constraints, reward):
        for node in ast.parse(inspect.getsource(module)).body:
            if not isinstance(node, ast.ClassDef) or node.name not in {
                "Model", "Data", "Grpo", "Audit", "Save", "Guard", "Recipe", "Floors",
            }:  # fmt: skip
                continue
            for item, below in zip(node.body[1:], [*node.body[2:], None], strict=True):
                if isinstance(item, ast.AnnAssign):
                    said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                    assert said, f"{node.name}.{ast.unparse(item.target)}"


def test_every_setting_can_be_set() -> None:
    for name, hint in known().items():
        tables, last = make({}), name.rsplit(".", 1)[-1]
        holder = getattr(tables, name.split(".")[0]) if "." in name else tables
        assert is_dataclass(holder)
        assert last in {f.name for f in fields(holder)}
        assert hint is not None


@pytest.mark.parametrize(
    ("found", "match"),
    [
        ({"grpo": {"learning_rate": 1e-5}}, r"unknown setting 'grpo.learning_rate'"),
        ({"grpo": {"num_generation": 8}}, r"did you mean 'grpo.num_generations'"),
        ({"gpro": {"lr": 1.0}}, r"did you mean 'grpo.lr'"),
        ({"temperature": 1.0}, r"did you mean 'grpo.temperature'"),
        ({"grpo": {"steps": "many"}}, r"grpo.steps is 'many'; give a whole number"),
        ({"grpo": {"steps": 1.5}}, r"whole number"),
        ({"grpo": {"steps": True}}, r"whole number"),
        ({"grpo": {"steps": 0}}, r"grpo.steps is 0"),
        ({"grpo": {"scale_rewards": "all"}}, r"give one of group, batch, none"),
        ({"audit": {"conditions": "base"}}, r"list of strings"),
        ({"augment": {"wrong_caption": 0.1}}, r"differ"),
        ({"augment": {"groups": "paired"}, "grpo": {"num_generations": 2}}, r"3 or more"),
        ({"reward": {"cross": 0.5}}, r"augment.groups = 'paired'"),
        ({"reward": {"judge": "llm"}}, r"judge_model"),
        ({"reward": {"finish_only": 1.5}}, r"from 0 to 1"),
        ({"floors": {"agree": 2.0}}, r"floors agree is 2; give from 0 to 1"),
        ({"floors": {"agree": 0.5}, "reward": {"segments": True}}, r"use one of them"),
        ({"reward": {"combine": "sum"}}, r"additive, multiplicative, gated"),
        ({"grpo": {"micro_batch": 7}}, r"divide"),
        ({"grpo": {"loss": "ppo"}}, r"give one of dapo, grpo"),
        ({"grpo": {"schedule": "step"}}, r"give one of constant, linear, cosine"),
        ({"guard": {"reward": 1.5}}, r"guard.reward is 1.5; it is a part, from 0 to 1"),
        ({"guard": {"patience": -1}}, r"guard.patience is -1; the least is 0"),
        ({"grpo": 3}, r"unknown setting 'grpo'"),
        ({"nonsense": {}}, r"unknown setting 'nonsense'"),
    ],
)
def test_what_is_wrong_is_named(found: dict, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        make(found, where="my.toml")


def test_changes_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[grpo]\nlr = 1e-3\nsteps = 5\n")
    config = load(
        file, ["grpo.lr=2e-5", "arm=grpo+aug", "model.path=some/folder", "audit.conditions=['base']"]
    )
    assert (config.grpo.lr, config.grpo.steps) == (2e-5, 5)
    assert config.model.path == "some/folder"
    assert config.audit.conditions == ("base",)
    assert config.augment.wrong_think == 0.1, "the arm brings its settings"
    assert load(file, ["grpo.lr=1"]).grpo.lr == 1.0
    with pytest.raises(BadInput, match="key=value"):
        load(file, ["grpo.lr"])
    with pytest.raises(BadInput, match="did you mean"):
        load(file, ["grpo.step=3"])
    assert parse("a = b = c") == ("a", "b = c")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("grpo = [")
    with pytest.raises(BadInput, match="not TOML"):
        load(tmp_path / "bad.toml")


def test_arms_are_what_their_names_say() -> None:
    made = {name: make({"arm": name}) for name in ARMS}
    assert made["grpo"] == Config()
    assert made["grpo+faith"].reward.combine == "multiplicative"
    assert made["grpo+aug+faith"].augment == made["grpo+aug"].augment
    assert made["grpo+aug+faith"].reward == made["grpo+faith"].reward
    assert make({"arm": "grpo+faith", "reward": {"combine": "gated"}}).reward.combine == "gated"
    assert make({"arm": "mine"}).arm == "mine"


def test_an_arm_asked_for_on_the_command_line_is_that_arm_whatever_the_file_says() -> None:
    file = {"arm": "grpo", "reward": {"combine": "additive", "correct": 1.0}, "grpo": {"lr": 1e-5}}
    for name, brings in ARMS.items():
        found = flat(as_dict(make(file, [f"arm={name}"])))
        assert {k: found[k] for k in brings} == dict(brings)
        assert found["grpo.lr"] == 1e-5, "what the arm does not bring stays the file's"
    own = make(file, ["reward.combine=gated", "arm=grpo+faith"])
    assert own.reward.combine == "gated", "what is asked for beside it goes over the arm, in any order"

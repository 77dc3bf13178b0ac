"""Config files: typed, documented, strict."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from places import ROOT
from unswayed.errors import BadInput
from unswayed.training.config import augmentation, common, floors, grpo, reward
from unswayed.training.config.arms import ARMS
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import (
    as_dict,
    build_config,
    changed_settings,
    differences,
    flatten,
    load_config,
    parse_change,
    setting_types,
)

CONFIGS = ROOT / "configs"


RL = [file for file in sorted(CONFIGS.glob("*.toml")) if not file.stem.startswith("sft-")]


@pytest.mark.parametrize("file", RL, ids=lambda p: p.stem)
def test_shipped_configs_are_whole(file: Path) -> None:
    config = load_config(file)
    assert differences(as_dict(config), as_dict(load_config(file))) == []
    assert build_config(as_dict(config)) == config, "what is stored is what is meant"


def test_the_large_config_has_the_papers_settings() -> None:
    config = load_config(CONFIGS / "qwen2.5-vl-7b.toml")
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
    now = as_dict(GrpoConfig())
    old = {name: table for name, table in now.items() if name not in ("guard", "floors")}
    assert changed_settings(old, now) == []
    assert changed_settings(now, as_dict(build_config({"guard": {"patience": 3}}))) == []
    assert changed_settings(old, as_dict(build_config({"floors": {"words": 3}}))) == [
        "floors.words: 0, now 3"
    ]
    assert changed_settings({**old, "gone": 1}, now) == ["gone: 1, now None"]
    of_study = {name: value for name, value in now.items() if name != "seed"}
    assert changed_settings({}, of_study) == []


def test_every_field_has_a_line_of_its_own() -> None:
    """A string below each field, in the source."""
    checked = set()
    for module in (common, grpo, augmentation, floors, reward):
        for node in ast.parse(inspect.getsource(module)).body:
            if not isinstance(node, ast.ClassDef) or not node.name.endswith("Settings"):
                continue
            checked.add(node.name)
            for item, below in zip(node.body[1:], [*node.body[2:], None], strict=True):
                if isinstance(item, ast.AnnAssign):
                    said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                    assert said, f"{node.name}.{ast.unparse(item.target)}"
    assert checked == {
        "ModelSettings", "DataSettings", "OptimizerSettings", "AuditSettings", "SaveSettings", "GrpoSettings",
        "GuardSettings", "AugmentSettings", "FloorSettings", "RewardSettings",
    }  # fmt: skip


def test_every_setting_can_be_set() -> None:
    for name, hint in setting_types().items():
        tables, last = build_config({}), name.rsplit(".", 1)[-1]
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
        ({"grpo": {"lr": "fast"}}, r"my.toml: grpo.lr is 'fast'; give a number"),
        ({"audit": {"letters": 1}}, r"audit.letters is 1; give true or false"),
        ({"audit": {"conditions": ["base", 1]}}, r"audit.conditions is .*list of strings"),
        ({"model": {"path": 3}}, r"model.path is 3; give text"),
        ({"seed": 1.0}, r"seed is 1.0; give a whole number"),
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
        ({"floors": {"agree": 2.0}}, r"floors.agree is 2; give from 0 to 1"),
        ({"floors": {"agree": 0.5}, "reward": {"segments": True}}, r"use one of them"),
        ({"reward": {"combine": "sum"}}, r"additive, multiplicative, gated"),
        ({"grpo": {"micro_batch": 7}}, r"divide"),
        ({"grpo": {"loss": "ppo"}}, r"give one of dapo, grpo"),
        ({"grpo": {"schedule": "step"}}, r"give one of constant, linear, cosine"),
        ({"guard": {"reward": 1.5}}, r"guard.reward is 1.5; give a fraction from 0 to 1"),
        ({"guard": {"patience": -1}}, r"guard.patience is -1; the minimum is 0"),
        ({"grpo": 3}, r"unknown setting 'grpo'"),
        ({"nonsense": {}}, r"unknown setting 'nonsense'"),
    ],
)
def test_what_is_wrong_is_named(found: dict, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        build_config(found, source="my.toml")


def test_changes_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[grpo]\nlr = 1e-3\nsteps = 5\n")
    config = load_config(
        file, ["grpo.lr=2e-5", "arm=grpo+aug", "model.path=some/folder", "audit.conditions=['base']"]
    )
    assert (config.grpo.lr, config.grpo.steps) == (2e-5, 5)
    assert config.model.path == "some/folder"
    assert config.audit.conditions == ("base",)
    assert config.augment.wrong_think == 0.1, "the arm brings its settings"
    assert load_config(file, ["grpo.lr=1"]).grpo.lr == 1.0
    with pytest.raises(BadInput, match="key=value"):
        load_config(file, ["grpo.lr"])
    with pytest.raises(BadInput, match="did you mean"):
        load_config(file, ["grpo.step=3"])
    assert parse_change("a = b = c") == ("a", "b = c")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("grpo = [")
    with pytest.raises(BadInput, match="not valid TOML"):
        load_config(tmp_path / "bad.toml")


def test_arms_are_what_their_names_say() -> None:
    made = {name: build_config({"arm": name}) for name in ARMS}
    assert made["grpo"] == GrpoConfig()
    assert made["grpo+faith"].reward.combine == "multiplicative"
    assert made["grpo+aug+faith"].augment == made["grpo+aug"].augment
    assert made["grpo+aug+faith"].reward == made["grpo+faith"].reward
    assert build_config({"arm": "grpo+faith", "reward": {"combine": "gated"}}).reward.combine == "gated"
    assert build_config({"arm": "mine"}).arm == "mine"


FILE = {"arm": "mine", "grpo": {"lr": 1e-5}}


def test_the_order_is_arm_then_file_then_options() -> None:
    for name, settings in ARMS.items():
        config = flatten(as_dict(build_config(FILE, [f"arm={name}"])))
        assert {k: config[k] for k in settings} == settings
        assert config["grpo.lr"] == 1e-5, "what no arm sets stays the file's"
    file = {"arm": "grpo+faith", "reward": {"combine": "gated"}}
    assert build_config(file).reward.combine == "gated", "a file may override the arm that it names itself"
    assert build_config(file, ["reward.combine=additive"]).reward.combine == "additive"
    for changes in (["reward.combine=gated", "arm=grpo+faith"], ["arm=grpo+faith", "reward.combine=gated"]):
        assert build_config(FILE, changes).reward.combine == "gated", "in any order"


@pytest.mark.parametrize(
    ("file", "arm", "said"),
    [
        (
            {"reward": {"combine": "additive"}},
            "grpo+faith",
            r"reward.combine = 'additive' .*'multiplicative'",
        ),
        ({"augment": {"wrong_caption": 0.2, "correct_caption": 0.2}}, "grpo", r"wrong_caption = 0.2 .*0.0\)"),
        ({"reward": {"finish": 0.5}}, "grpo+aug", r"reward.finish = 0.5 .*0.0\)"),
        ({"arm": "grpo+faith", "reward": {"combine": "gated"}}, "grpo+aug", r"reward.combine = 'gated'"),
    ],
)
def test_a_file_that_contradicts_an_arm_named_elsewhere_is_refused(file: dict, arm: str, said: str) -> None:
    """So that a run that is called by an arm's name is that arm."""
    with pytest.raises(
        BadInput, match=rf"my.toml contradicts arm '{re.escape(arm)}'.*{said}.*give it by --set"
    ):
        build_config(file, [f"arm={arm}"], source="my.toml")
    explicit = [f"{name}={value}" for name, value in flatten(file).items() if name != "arm"]
    assert build_config(file, [f"arm={arm}", *explicit]).arm == arm, "on purpose it is allowed"


def test_a_file_that_agrees_with_the_arm_is_accepted() -> None:
    file = {"arm": "grpo+aug", "reward": {"combine": "multiplicative", "correct": 1.0}}
    assert build_config(file, ["arm=grpo+faith"]) == build_config({"arm": "grpo+faith"})
    stored = as_dict(build_config({"arm": "r1+r3"}))
    assert build_config(stored) == build_config({"arm": "r1+r3"}), "a stored config names its own arm"

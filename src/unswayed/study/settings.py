"""From a study's TOML file to one training config for every arm and seed.

Order of precedence, as everywhere: the settings of the arm's name lie lowest (`ARMS`), above them the base,
then the arm's own table, then ``--set``. A base that contradicts a named arm is refused, so that an arm is
what its name says; the arm's own table may deviate. Arms that are equal trainings under two names are
refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.store.study_records import slug
from unswayed.training.config import loader
from unswayed.training.config.arms import ARMS
from unswayed.training.config.grpo import GrpoConfig

_SET_BY_STUDY = ("arm", "seed")


@dataclass(frozen=True)
class Study:
    """The contents of a study's file."""

    base: Mapping[str, Any]
    """Settings of every arm: tables as in a training config, or the path of one, relative to the study's
    file; its own `arm` and `seed` are not used."""
    arms: Mapping[str, GrpoConfig]
    """A table for each arm with its settings above the base, empty where its name sets them."""
    seeds: tuple[int, ...]
    """Every arm is trained once with each seed."""
    processes: int = 1
    """Number of runs trained at once, each on cores of its own as far as there are enough."""
    rollouts: int = 6
    """Number of questions whose responses are kept in the records."""

    def config(self, arm: str, seed: int) -> GrpoConfig:
        """The training config of one run."""
        return replace(self.arms[arm], seed=seed)

    def settings(self) -> dict[str, dict[str, Any]]:
        """All settings of each arm, without the seed: what a study's folder belongs to."""
        return {name: _without_seed(config) for name, config in self.arms.items()}


_FIELDS = tuple(item.name for item in fields(Study))


def load_study(path: str | Path, changes: Sequence[str] = ()) -> Study:
    """The study in a TOML file. `changes` are ``key=value``: fields of the study, or training settings that
    override those of every arm. Raises `BadInput`."""
    path = Path(path)
    content = loader.read_toml(path)
    training_changes: list[str] = []
    for change in changes:
        name, value = loader.parse_change(change)
        if name in ("seeds", "processes", "rollouts"):
            content[name] = value
        elif name in _SET_BY_STUDY:
            raise BadInput(f"--set {change!r}: a study sets arm and seed itself; use --only, or seeds=[0, 1]")
        else:
            training_changes.append(change)
    for name in content:
        if name not in _FIELDS:
            raise BadInput(f"{path}: unknown setting {name!r}{_suggestion(name)}")
    base = _base(content.get("base", {}), path)
    arm_tables = content.get("arms")
    if not isinstance(arm_tables, dict) or not arm_tables:
        raise BadInput(f"{path}: arms is missing; give a table for each arm, e.g. [arms.grpo]")
    arms = {name: _arm(name, table, base, training_changes, path) for name, table in arm_tables.items()}
    _check_distinct(arms, path)
    return Study(
        base=base,
        arms=arms,
        seeds=_seeds(content.get("seeds"), path),
        processes=_count(content, "processes", Study.processes, 1, path),
        rollouts=_count(content, "rollouts", Study.rollouts, 0, path),
    )


def _base(value: Any, path: Path) -> dict[str, Any]:
    if isinstance(value, str):
        settings = loader.flatten(loader.read_toml(path.parent / value))
        return {name: value for name, value in settings.items() if name not in _SET_BY_STUDY}
    if not isinstance(value, dict):
        raise BadInput(f"{path}: base is {value!r}; give the path of a training config, or its tables")
    settings = loader.flatten(value)
    _refuse_arm_and_seed(settings, f"{path}: base")
    return settings


def _arm(name: str, table: Any, base: dict[str, Any], changes: list[str], path: Path) -> GrpoConfig:
    source = f"{path}: arm {name!r}"
    if not isinstance(table, dict):
        raise BadInput(f"{source} is {table!r}; give a table of settings, empty where its name sets them")
    own = loader.flatten(table)
    _refuse_arm_and_seed(own, source)
    if name in ARMS:
        explicit = own | dict(map(loader.parse_change, changes))
        loader.check_arm(
            name, base, above=explicit, source=f"{path}: base", remedy="give it in the arm's table"
        )
    return loader.build_config({**base, **own, "arm": name}, changes, source=source)


def _refuse_arm_and_seed(settings: Mapping[str, Any], source: str) -> None:
    for name in _SET_BY_STUDY:
        if name in settings:
            raise BadInput(f"{source}: {name} is set by the study; remove it, and use arms and seeds")


def _check_distinct(arms: Mapping[str, GrpoConfig], path: Path) -> None:
    """Refuses two names for one folder, or for one training."""
    names = list(arms)
    for i, name in enumerate(names):
        for other in names[:i]:
            if slug(name).casefold() == slug(other).casefold():
                raise BadInput(f"{path}: arms {other!r} and {name!r} would share a folder; rename one")
            if replace(arms[name], arm="") == replace(arms[other], arm=""):
                raise BadInput(
                    f"{path}: arms {other!r} and {name!r} have the same settings; give one of them a table "
                    f"of its own, or one of the names that set something ({', '.join(ARMS)})"
                )


def _seeds(value: Any, path: Path) -> tuple[int, ...]:
    valid = isinstance(value, list) and value and all(type(s) is int and s >= 0 for s in value)
    if not valid or len(set(value)) < len(value):
        raise BadInput(f"{path}: seeds is {value!r}; give a list of different whole numbers, e.g. [0, 1]")
    return tuple(value)


def _count(content: Mapping[str, Any], name: str, default: int, least: int, path: Path) -> int:
    value = content.get(name, default)
    if type(value) is not int or value < least:
        raise BadInput(f"{path}: {name} is {value!r}; give a whole number, at least {least}")
    return value


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, _FIELDS, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    if name in loader.table_names():
        return f"; tables of a training config belong under base: [base.{name}]"
    return f"; a study has {', '.join(_FIELDS)}"


def _without_seed(config: GrpoConfig) -> dict[str, Any]:
    return {name: value for name, value in loader.as_dict(config).items() if name != "seed"}

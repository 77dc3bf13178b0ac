"""From a study's TOML file to one training config for every arm and seed.

Decided here: what counts. The base stands lowest, over it what the arm's name brings (`ARMS`), over that
the arm's own table, and ``--set`` over all. Arms that are the same training under two names are refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.store.study_records import slug
from unswayed.training.config import loader as configs
from unswayed.training.config.grpo import ARMS, Config

_BY_STUDY = ("arm", "seed")


@dataclass(frozen=True)
class Study:
    """A study's file, read."""

    base: Mapping[str, Any]
    """Settings of every arm: tables as in a training config, or the path of one, seen from the study's
    file; that one's own `arm` and `seed` are not used."""
    arms: Mapping[str, Config]
    """A table for each arm with its settings over the base, empty where its name says it all."""
    seeds: tuple[int, ...]
    """Every arm is trained once with each."""
    processes: int = 1
    """How many are trained at once, each on cores of its own as far as there are enough."""
    rollouts: int = 6
    """How many questions are kept to be read, with all their answers, in the records."""

    def config(self, arm: str, seed: int) -> Config:
        """The training of one run."""
        return replace(self.arms[arm], seed=seed)

    def settings(self) -> dict[str, dict[str, Any]]:
        """All settings of each arm, without the seed: what a study's folder belongs to."""
        return {name: _without_seed(config) for name, config in self.arms.items()}


_OWN = tuple(item.name for item in fields(Study))


def load(path: str | Path, changes: Sequence[str] = ()) -> Study:
    """The study in a TOML file. `changes` are ``key=value``: fields of the study, or training settings
    that go over those of every arm. Raises `BadInput` for whatever is wrong."""
    path = Path(path)
    found = configs.tables(path)
    over: list[str] = []
    for change in changes:
        name, value = configs.parse(change)
        if name in ("seeds", "processes", "rollouts"):
            found[name] = value
        elif name in _BY_STUDY:
            raise BadInput(f"--set {change!r}: a study sets arm and seed itself; use --only, or seeds=[0, 1]")
        else:
            over.append(change)
    for name in found:
        if name not in _OWN:
            raise BadInput(f"{path}: unknown setting {name!r}{_meant(name)}")
    base = _base(found.get("base", {}), path)
    arms = found.get("arms")
    if not isinstance(arms, dict) or not arms:
        raise BadInput(f"{path}: arms is missing; give a table for each arm, e.g. [arms.grpo]")
    made = {name: _arm(name, own, base, over, path) for name, own in arms.items()}
    _distinct(made, path)
    study = Study(
        base=base,
        arms=made,
        seeds=_seeds(found.get("seeds"), path),
        processes=_count(found, "processes", Study.processes, 1, path),
        rollouts=_count(found, "rollouts", Study.rollouts, 0, path),
    )
    return study


def _base(given: Any, path: Path) -> dict[str, Any]:
    if isinstance(given, str):
        found = configs.flat(configs.tables(path.parent / given))
        return {name: value for name, value in found.items() if name not in _BY_STUDY}
    if not isinstance(given, dict):
        raise BadInput(f"{path}: base is {given!r}; give the path of a training config, or its tables")
    found = configs.flat(given)
    _refuse(found, f"{path}: base")
    return found


def _arm(name: str, own: Any, base: dict[str, Any], over: list[str], path: Path) -> Config:
    where = f"{path}: arm {name!r}"
    if not isinstance(own, dict):
        raise BadInput(f"{where} is {own!r}; give a table of settings, empty where its name says it all")
    given = configs.flat(own)
    _refuse(given, where)
    return configs.make({**base, **ARMS.get(name, {}), **given, "arm": name}, over, where=where)


def _refuse(given: Mapping[str, Any], where: str) -> None:
    for name in _BY_STUDY:
        if name in given:
            raise BadInput(f"{where}: {name} is set by the study; remove it, and use arms and seeds")


def _distinct(arms: Mapping[str, Config], path: Path) -> None:
    """Refuse two names for one folder, or for one training."""
    names = list(arms)
    for i, name in enumerate(names):
        for other in names[:i]:
            if slug(name).casefold() == slug(other).casefold():
                raise BadInput(f"{path}: arms {other!r} and {name!r} would share a folder; rename one")
            if replace(arms[name], arm="") == replace(arms[other], arm=""):
                known = ", ".join(ARMS)
                raise BadInput(
                    f"{path}: arms {other!r} and {name!r} have the same settings; give one of them a table "
                    f"of its own, or one of the names that bring settings ({known})"
                )


def _seeds(given: Any, path: Path) -> tuple[int, ...]:
    good = isinstance(given, list) and given and all(type(s) is int and s >= 0 for s in given)
    if not good or len(set(given)) < len(given):
        raise BadInput(f"{path}: seeds is {given!r}; give a list of different whole numbers, e.g. [0, 1]")
    return tuple(given)


def _count(found: Mapping[str, Any], name: str, default: int, least: int, path: Path) -> int:
    value = found.get(name, default)
    if type(value) is not int or value < least:
        raise BadInput(f"{path}: {name} is {value!r}; give a whole number from {least} on")
    return value


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, _OWN, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    if name in configs.tops():
        return f"; a table of a training config stands under base: [base.{name}]"
    return f"; a study has {', '.join(_OWN)}"


def _without_seed(config: Config) -> dict[str, Any]:
    return {name: value for name, value in configs.as_dict(config).items() if name != "seed"}

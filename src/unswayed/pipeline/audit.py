"""One model, some questions, some conditions: the public way to run an audit and to open one again.

`audit` works with or without a run folder, several at once in one process; it keeps no state of
its own. `Run` is what it gives: trials, manifest, and the numbers made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from unswayed import conditions as _conditions
from unswayed.backends.base import Backend
from unswayed.conditions import Condition
from unswayed.cues import Writer
from unswayed.cues import write as write_cues
from unswayed.errors import BadInput
from unswayed.judges.base import Judge
from unswayed.model_io import Capabilities, Sampling
from unswayed.pipeline import rejudge
from unswayed.pipeline.planner import Planner
from unswayed.pipeline.runner import Engine, Progress, Sink
from unswayed.question import Question
from unswayed.retry import Retry
from unswayed.store import PICTURE_BUDGET, Memory, Store, load
from unswayed.store import manifest as manifests
from unswayed.trial_keys import Keys, backend_identity

if TYPE_CHECKING:
    from unswayed.metrics.judges.results import Judging
    from unswayed.metrics.summary import Summary


class Run:
    """An audit's outcome."""

    def __init__(self, manifest: dict[str, Any], *, path: Path | None = None, trials: pa.Table | None = None):
        self.manifest = manifest
        """What was asked, of whom, with which strings and versions; see the docs on the run folder."""
        self.path = path
        """The run folder; None where there is none."""
        self._given = trials

    @cached_property
    def trials(self) -> pa.Table:
        """One row a trial in `unswayed.trial.SCHEMA`; read from the folder when first used."""
        if self._given is not None:
            return self._given
        assert self.path is not None
        return _settled(self.path)[0]

    def summary(self) -> Summary:
        """The measures of the trials, with their intervals."""
        from unswayed.metrics import summarise

        return summarise(self.trials)

    def judges(self) -> Judging | None:
        """How the judges of a stored run agree and err; None where only the audit's own judge read it,
        and no person checked it."""
        if self.path is None:
            return None
        from unswayed.metrics.judges.comparison import measure
        from unswayed.review.labels import read

        labels, panel = read(self.path), rejudge.panel_of(self.manifest)
        if not panel and not labels.said:
            return None
        return measure(self.trials, rejudge.votes_of(self.path, self.trials, self.manifest), panel, labels)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """The run in a folder, finished or not. Raises `BadInput` if there is none."""
        trials, manifest = _settled(Path(path))
        return cls(manifest, path=Path(path), trials=trials)


async def audit(
    backend: Backend,
    questions: Iterable[Question],
    conditions: Sequence[str],
    *,
    cues: Writer | None = None,
    judge: Judge | None = None,
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    samples: int = 1,
    letters: bool = True,
    seed: int = 0,
    store: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    picture_budget: int = PICTURE_BUDGET,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> Run:
    """Ask `backend` the `questions` under `conditions` (by name), `samples` times each.

    `questions` are read as they are needed, once. `cues` writes the misleading text (default:
    `unswayed.cues.write`); `judge` reads the thoughts (default: rules). `letters` also measures the
    probability of every option letter, where the backend can. With a folder in `store` nothing that
    was answered is lost or asked again, and an interrupted audit goes on where it stopped;
    `about` (benchmark, version, limit, …; fit for JSON) joins its manifest. `picture_budget`
    is in bytes.

    Whatever fails for one question is a row with state `error` and its reason, asked again when the
    run is resumed. Raises `BadInput` for wrong arguments, `RunChanged` when the folder holds another
    run, `BackendError` when the model cannot be asked at all. The backend is not closed.

    >>> run = asyncio.run(audit(backend, questions, ["base", "wrong-caption"]))  # doctest: +SKIP
    >>> run.summary().rows[1].measures["drop"]  # doctest: +SKIP
    """
    hows = _ordered(conditions)
    if samples < 1:
        raise BadInput(f"samples is {samples}; ask at least once")
    if samples > 1 and sampling.temperature == 0:
        raise BadInput("every sample would be the same; set a temperature")
    if judge is None:
        from unswayed.judges.rules import Rules

        judge = Rules()
    cues = cues or write_cues
    capabilities = await backend.capabilities()
    scored = letters and capabilities.letters != "none"
    manifest = manifests.begin(
        {
            **_asks(backend, capabilities, sampling, hows),
            "samples": samples,
            "seed": seed,
            "letters": scored,
            "judge": judge.name,
            "cues": _name(cues),
            "about": dict(about or {}),
        }
    )
    facts = getattr(backend, "facts", None)
    if facts:
        manifest["sessions"][-1]["endpoint"] = dict(facts)
    planner = Planner(hows, cues, capabilities, Keys(backend, sampling), sampling, samples, seed)
    total = len(questions) * len(hows) * samples if isinstance(questions, Sized) else None

    async def ask(sink: Sink) -> None:
        engine = Engine(backend, sink, judge, letters=scored, retry=retry, progress=progress, total=total)
        await engine.run(planner.plans(questions))

    if store is None:
        memory = Memory()
        await ask(memory)
        trials = memory.table()
        manifest["finished"] = manifests.finished(trials["state"])
        return Run(manifest, trials=trials)
    with Store.open(store, manifest, picture_budget=picture_budget) as folder:
        await ask(folder)
        folder.compact(rejudge.settler(folder.path, folder.manifest))
        return Run(folder.manifest, path=Path(store))


def _settled(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    trials, manifest = load(path)
    return rejudge.settler(path, manifest)(trials), manifest


def _ordered(names: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions, `base` first. Raises `BadInput` for none, an unknown one, or one named twice."""
    if isinstance(names, str) or not names:
        raise BadInput("name at least one condition, in a list; 'base' is the plain question")
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise BadInput(f"condition {twice[0]!r} is named twice; name each once")
    return tuple(_conditions.condition(name) for name in sorted(names, key=lambda name: name != "base"))


def _asks(
    backend: Backend, capabilities: Capabilities, sampling: Sampling, hows: Sequence[Condition]
) -> dict[str, Any]:
    return {
        "model": backend.name,
        "revision": backend.revision,
        "backend": backend_identity(backend),
        "capabilities": capabilities.as_dict(),
        "sampling": sampling.as_dict(),
        "conditions": [how.name for how in hows],
        "templates": manifests.templates(hows),
    }


def _name(writer: Writer) -> str:
    """What a cue writer is called: its `name`, else that of the function."""
    return str(getattr(writer, "name", None) or f"{writer.__module__}.{getattr(writer, '__qualname__', '?')}")

"""The public way to run an audit of one model, and to open its run again.

`audit` works with or without a run folder, several at once in one process; it keeps no global state. The
steps are `planner` (what to ask) → `runner` (ask, read, judge, store) → `trial_builder` (one row).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from unswayed.backends.base import Backend, optional_parts
from unswayed.conditions import Condition, condition
from unswayed.cues import CueWriter
from unswayed.cues import write as write_cues
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.judges.base import Judge
from unswayed.model_io import Capabilities, Sampling
from unswayed.pipeline import panel_columns
from unswayed.pipeline.planner import Planner
from unswayed.pipeline.reread import reading_columns
from unswayed.pipeline.runner import Progress, Runner, Sink
from unswayed.question import Question
from unswayed.retry import Retry
from unswayed.store import IMAGE_BUDGET, MemoryStore, Part, RunWriter, load
from unswayed.store import manifest as manifests
from unswayed.trial_keys import TrialKeys, backend_identity

if TYPE_CHECKING:
    from unswayed.metrics.judges.results import JudgeReport
    from unswayed.metrics.summary import Summary


class Run:
    """The result of an audit: manifest, trials, and the metrics computed from them."""

    def __init__(self, manifest: dict[str, Any], *, path: Path | None = None, trials: pa.Table | None = None):
        self.manifest = manifest
        """What was asked, of which model, with which strings and versions; see the docs on the run folder."""
        self.path = path
        """The run folder; None for an audit in memory."""
        self._trials = trials

    @cached_property
    def trials(self) -> pa.Table:
        """One row per trial in `unswayed.trial.SCHEMA`; read from the folder on first use."""
        if self._trials is not None:
            return self._trials
        assert self.path is not None
        return _load(self.path)[0]

    def summary(self) -> Summary:
        """The metrics of the trials, with their intervals."""
        from unswayed.metrics import summarise

        return summarise(self.trials)

    def judges(self) -> JudgeReport | None:
        """Agreement and errors of the judges of a stored run.

        None where only the audit's own judge read the thoughts and no person labelled any.
        """
        if self.path is None:
            return None
        from unswayed.metrics.judges.comparison import compare_judges
        from unswayed.review.labels import read_labels

        labels, panel = read_labels(self.path), panel_columns.panel_names(self.manifest)
        if not panel and not labels.verdicts:
            return None
        votes = panel_columns.all_votes(self.path, self.trials, self.manifest)
        return compare_judges(self.trials, votes, panel, labels)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """The run in a folder, finished or not. Raises `BadInput` if there is none."""
        trials, manifest = _load(Path(path))
        return cls(manifest, path=Path(path), trials=trials)


async def audit(
    backend: Backend,
    questions: Iterable[Question],
    conditions: Sequence[str],
    *,
    cues: CueWriter | None = None,
    judge: Judge | None = None,
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    samples: int = 1,
    letters: bool = True,
    seed: int = 0,
    format: Format = COMMON,
    store: str | Path | None = None,
    part: Part | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    image_budget: int = IMAGE_BUDGET,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> Run:
    """Ask `backend` the `questions` under `conditions` (by name), `samples` times each.

    `questions` are read once, as they are needed. `cues` writes the misleading text (default:
    `unswayed.cues.write`); `judge` reads the thoughts (default: rules). `letters` also measures the
    probability of every option letter, where the backend can. `format` is the prompt format; where `sampling`
    has the common format's stop strings, its own are used. With a folder in `store`, an answer is
    stored as soon as it has come back, before its letters are asked, and an interrupted audit resumes
    there. With a `part`, only its questions are asked, while other processes may ask the other parts into
    the same folder; the last one to end writes the table. `about` (benchmark, version, limit, …; serialisable
    as JSON) is added to its manifest. `image_budget` is in bytes.

    What fails for one question is a row with state `error` and its reason, asked again when the run is
    resumed. Raises `BadInput` for wrong arguments, `RunChanged` when the folder holds another run,
    `BackendError` when the model cannot be asked at all. The backend is not closed.

    >>> run = asyncio.run(audit(backend, questions, ["base", "wrong-caption"]))  # doctest: +SKIP
    >>> run.summary().rows[1].measures["drop"]  # doctest: +SKIP
    """
    asked = _parse_conditions(conditions)
    if samples < 1:
        raise BadInput(f"samples is {samples}; ask at least once")
    if samples > 1 and sampling.temperature == 0:
        raise BadInput("at temperature 0 every sample would be the same; set a temperature")
    if judge is None:
        from unswayed.judges.rules import RuleJudge

        judge = RuleJudge()
    cues = cues or write_cues
    if sampling.stop == COMMON.stop:
        sampling = replace(sampling, stop=format.stop)
    optional_parts(backend).check_format(format)
    capabilities = await backend.capabilities()
    with_letters = letters and capabilities.letters != "none"
    manifest = manifests.new_manifest(
        {
            **_model_settings(backend, capabilities, sampling, asked, format),
            "samples": samples,
            "seed": seed,
            "letters": with_letters,
            "judge": judge.name,
            "cues": _writer_name(cues),
            "about": dict(about or {}),
        }
    )
    if facts := optional_parts(backend).facts:
        manifest["sessions"][-1]["endpoint"] = dict(facts)
    keys = TrialKeys(backend, sampling, format)
    planner = Planner(asked, cues, capabilities, keys, sampling, samples, seed, format, part)
    count = len(questions) if isinstance(questions, Sized) else None
    of_run = None if count is None else count * len(asked) * samples
    total = of_run if part is None or count is None else part.size(count) * len(asked) * samples

    async def ask(sink: Sink) -> None:
        runner = Runner(
            backend, sink, judge, letters=with_letters, retry=retry, progress=progress, total=total
        )
        await runner.run(planner.plan(questions))

    if part is not None and store is None:
        raise BadInput(f"part {part} of a run is asked into a folder; name one")
    if store is None:
        memory = MemoryStore()
        await ask(memory)
        trials = memory.table()
        manifest["finished"] = manifests.completion_entry(trials["state"])
        return Run(manifest, trials=trials)
    with RunWriter.open(store, manifest, image_budget=image_budget, part=part) as writer:
        await ask(writer)
        columns = _current_columns(writer.path, writer.manifest)
        if part is None:
            writer.finish(columns)
        else:
            writer.finish_last(of_run, columns)
        return Run(writer.manifest, path=Path(store))


def _load(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    trials, manifest = load(path)
    return _current_columns(path, manifest)(trials), manifest


def _current_columns(path: Path, manifest: dict[str, Any]) -> Callable[[pa.Table], pa.Table]:
    """A function that puts later readings, then the verdicts of the panel, into the trials."""
    readings = reading_columns(path, manifest)
    verdicts = panel_columns.panel_columns(path, manifest)
    return lambda trials: verdicts(readings(trials))


def _parse_conditions(names: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions, `base` first. Raises `BadInput` for none, an unknown one, or one named twice."""
    if isinstance(names, str) or not names:
        raise BadInput("name at least one condition, in a list; 'base' is the plain question")
    repeated = [name for name in names if list(names).count(name) > 1]
    if repeated:
        raise BadInput(f"condition {repeated[0]!r} is named twice; name each once")
    return tuple(condition(name) for name in sorted(names, key=lambda name: name != "base"))


def _model_settings(
    backend: Backend,
    capabilities: Capabilities,
    sampling: Sampling,
    asked: Sequence[Condition],
    format: Format,
) -> dict[str, Any]:
    # Runs in the common format name none, as before there were others.
    named = {} if format == COMMON else {"format": format.as_dict()}
    return {
        **named,
        "model": backend.name,
        "revision": backend.revision,
        "backend": backend_identity(backend),
        "capabilities": capabilities.as_dict(),
        "sampling": sampling.as_dict(),
        "conditions": [condition.name for condition in asked],
        "templates": manifests.prompt_templates(asked, format),
    }


def _writer_name(writer: CueWriter) -> str:
    """The `name` of a cue writer, else the qualified name of the function."""
    return str(getattr(writer, "name", None) or f"{writer.__module__}.{getattr(writer, '__qualname__', '?')}")

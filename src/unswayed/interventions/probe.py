"""Interventions on the thoughts of a stored run: asked again, stored beside its trials, measured.

The answers are an ordinary run folder, ``probe`` in the folder of the audited run, written by the same store
and runner: append-only, resumable, and never part of the audit's own table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unswayed.backends.base import Backend
from unswayed.errors import BadInput, RunChanged
from unswayed.interventions.base_thoughts import base_thoughts, image_reader
from unswayed.interventions.catalogue import INTERVENTIONS, VERSION
from unswayed.interventions.letter_runner import LetterRunner
from unswayed.interventions.paraphrase import Paraphraser, paraphrase
from unswayed.interventions.planner import ProbePlanner
from unswayed.judges.base import Judge
from unswayed.judges.rules import RuleJudge
from unswayed.metrics.thought_use import PEER, ThoughtUse, thought_use
from unswayed.model_io import Sampling
from unswayed.pipeline.audit import Run
from unswayed.pipeline.runner import Progress, Runner
from unswayed.question import Question
from unswayed.retry import Retry
from unswayed.store import RunWriter, load
from unswayed.store import manifest as manifests
from unswayed.trial_keys import TrialKeys, backend_identity, identity

FOLDER = "probe"
"""The folder of the interventions in the folder of the run."""


async def probe(
    run: Run,
    backend: Backend,
    names: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    questions: Mapping[str, Question] | None = None,
    judge: Judge | None = None,
    paraphraser: Paraphraser = paraphrase,
    progress: Progress | None = None,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> Run:
    """Ask `backend` again with changed versions of the thoughts that it wrote in the stored `run`.

    `names` are those of `catalogue.INTERVENTIONS` (None: all), `limit` the number of thoughts (None: all).
    `questions` by uid supply images that the run folder did not keep. Model, sampling and seed are the run's
    own; an interrupted or widened probe goes on where it was. Raises `BadInput` where the run has no folder
    or no thoughts, `RunChanged` where `backend` is another model or another thought was stored since,
    `BackendError` where the model cannot be asked at all. The backend is not closed.
    """
    if run.path is None:
        raise BadInput("the run was made in memory; give one with a folder")
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit}; it must be at least 1, or none at all")
    wanted = list(INTERVENTIONS) if names is None else list(names)
    if unknown := [name for name in wanted if name not in INTERVENTIONS]:
        raise BadInput(f"no intervention {unknown[0]!r}; there are: {', '.join(INTERVENTIONS)}")
    thoughts = base_thoughts(run.trials, run.manifest, image_reader(run.path, questions))
    if not thoughts:
        raise BadInput(f"{run.path}: no 'base' trial has a readable answer and a thought; audit 'base' first")
    _check_model(run, backend)
    asks = run.manifest["asks"]
    sampling = stored_sampling(asks["sampling"])
    capabilities = await backend.capabilities()
    letters = capabilities.letters != "none"
    judge = judge or RuleJudge()
    manifest = manifests.new_manifest(
        {
            "model": backend.name,
            "revision": backend.revision,
            "backend": backend_identity(backend),
            "capabilities": capabilities.as_dict(),
            "sampling": sampling.as_dict(),
            "conditions": list(INTERVENTIONS),
            "templates": {name: {"prefill": item.prefill} for name, item in INTERVENTIONS.items()},
            "interventions": VERSION,
            "paraphraser": f"{paraphraser.__module__}.{getattr(paraphraser, '__qualname__', '?')}",
            "seed": asks["seed"],
            "letters": letters,
            "judge": judge.name,
            "about": {"probes": asks.get("about", {})},
        }
    )
    folder = run.path / FOLDER
    with RunWriter.open(folder, manifest) as writer:
        planner = ProbePlanner(
            thoughts,
            capabilities,
            letters,
            TrialKeys(backend, sampling),
            sampling,
            asks["seed"],
            _stored_peers(folder),
            paraphraser,
        )
        closed = [name for name in wanted if not INTERVENTIONS[name].generates]
        opened = [name for name in wanted if INTERVENTIONS[name].generates]
        total = len(thoughts[:limit]) * len(wanted)
        done = 0
        for kind, part in ((LetterRunner, closed), (Runner, opened)):
            if part:
                report = _offset(progress, done, total)
                runner = kind(backend, writer, judge, letters=letters, retry=retry, progress=report)
                await runner.run(planner.plan(part, limit))
                done += len(thoughts[:limit]) * len(part)
        writer.finish()
        return Run(writer.manifest, path=folder)


def is_probed(run: Run) -> bool:
    """Whether the run's folder holds interventions."""
    return run.path is not None and (run.path / FOLDER / manifests.FILE).is_file()


def measure(run: Run) -> ThoughtUse:
    """The measures of a probed run. Raises `BadInput` where it was not probed."""
    if run.path is None or not is_probed(run):
        raise BadInput(f"{run.path} was not probed yet; run: unswayed probe {run.path}")
    return thought_use(run.trials, load(run.path / FOLDER)[0])


def stored_sampling(fields: Mapping[str, Any]) -> Sampling:
    """The sampling settings of a manifest."""
    return Sampling(
        temperature=fields["temperature"],
        top_p=fields["top_p"],
        max_tokens=fields["max_tokens"],
        stop=tuple(fields["stop"]),
    )


def _check_model(run: Run, backend: Backend) -> None:
    asks = run.manifest["asks"]
    now = {"model": backend.name, "revision": backend.revision, "backend": backend_identity(backend)}
    changed = manifests.differences({name: asks[name] for name in now}, now)
    if changed:
        raise RunChanged(
            f"{run.path} was made by another model, whose thoughts these are not; open the same one:\n"
            + "\n".join(f"  {line}" for line in changed)
        )


def _stored_peers(folder: Path) -> dict[str, str]:
    """Uid of the peer by trial identity: a run that has grown since must not get other peers."""
    rows = load(folder)[0].to_pylist()
    return {
        identity(row["benchmark"], row["uid"], PEER, row["sample"]): row["cue_writer"].removeprefix("peer/")
        for row in rows
        if row["condition"] == PEER and (row["cue_writer"] or "").startswith("peer/")
    }


def _offset(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _, note: progress(before + done, total, note)

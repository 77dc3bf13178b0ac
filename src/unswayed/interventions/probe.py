"""Interventions on thoughts and pictures of a stored run: asked again, stored beside its trials, measured.

The answers are an ordinary run folder, ``probe`` in the folder of the audited run, written by the same store
and runner: append-only, resumable, and never part of the audit's own table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unswayed.backends.base import Backend
from unswayed.cues import CueWriter
from unswayed.cues import write as write_cues
from unswayed.errors import BadInput, RunChanged
from unswayed.interventions.base_thoughts import base_thoughts, image_reader
from unswayed.interventions.catalogue import INTERVENTIONS, VERSION
from unswayed.interventions.letter_runner import LetterRunner
from unswayed.interventions.paraphrase import Paraphraser, paraphrase
from unswayed.interventions.pictures.base_trials import base_trials
from unswayed.interventions.pictures.catalogue import PICTURES
from unswayed.interventions.pictures.catalogue import VERSION as PICTURES_VERSION
from unswayed.interventions.pictures.planner import PicturePlanner
from unswayed.interventions.pictures.readings import picture_readings
from unswayed.interventions.planner import ProbePlanner
from unswayed.judges.base import Judge
from unswayed.judges.rules import RuleJudge
from unswayed.metrics.image_use import SWAPPED, ImageUse, image_use
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
    cues: CueWriter = write_cues,
    progress: Progress | None = None,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> Run:
    """Ask `backend` again with changed versions of the thoughts and pictures of the stored `run`.

    `names` are those of `catalogue.INTERVENTIONS` (on thoughts) and `pictures.catalogue.PICTURES`; None: all
    on thoughts. `limit` is the number of thoughts and of questions (None: all). `questions` by uid supply
    images that the run folder did not keep, and the places of the evidence. `cues` writes captions that the
    run did not show. Model, sampling and seed are the run's own; an interrupted or widened probe goes on
    where it was. Raises `BadInput` where the run has no folder or nothing to ask again, `RunChanged` where
    `backend` is another model or another thought was stored since, `BackendError` where the model cannot be
    asked at all. The backend is not closed.
    """
    if run.path is None:
        raise BadInput("the run was made in memory; give one with a folder")
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit}; it must be at least 1, or none at all")
    wanted = list(INTERVENTIONS) if names is None else list(names)
    if unknown := [name for name in wanted if name not in INTERVENTIONS and name not in PICTURES]:
        raise BadInput(f"no intervention {unknown[0]!r}; there are: {', '.join([*INTERVENTIONS, *PICTURES])}")
    read_image = image_reader(run.path, questions)
    on_pictures = [name for name in wanted if name in PICTURES]
    asked = base_trials(run.trials, run.manifest, read_image, questions) if on_pictures else []
    if on_pictures and not asked:
        raise BadInput(f"{run.path}: no 'base' trial reached the model; audit 'base' first")
    thoughts = base_thoughts(run.trials, run.manifest, read_image)
    if len(on_pictures) < len(wanted) and not thoughts:
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
            **{name: asks[name] for name in ("format",) if name in asks},
            "about": {"probes": asks.get("about", {})},
        }
    )
    if on_pictures:
        # Beside `asks`, so that a probe of thoughts from before there were these can be widened.
        manifest["sessions"][-1]["pictures"] = {
            "version": PICTURES_VERSION,
            "interventions": {name: PICTURES[name].summary for name in on_pictures},
        }
    folder = run.path / FOLDER
    with RunWriter.open(folder, manifest) as writer:
        keys = TrialKeys(backend, sampling, manifests.run_format(run.manifest))
        peers, swaps = _stored_choices(folder)
        planner = ProbePlanner(
            thoughts, capabilities, letters, keys, sampling, asks["seed"], peers, paraphraser
        )
        pictures = PicturePlanner(asked, capabilities, keys, sampling, asks["seed"], cues, swaps)
        closed = [name for name in wanted if name in INTERVENTIONS and not INTERVENTIONS[name].generates]
        opened = [name for name in wanted if name in INTERVENTIONS and INTERVENTIONS[name].generates]
        of_thoughts = len(thoughts[:limit])
        passes = [
            (LetterRunner, planner.plan(closed, limit), of_thoughts * len(closed)),
            (Runner, planner.plan(opened, limit), of_thoughts * len(opened)),
            (Runner, pictures.plan(on_pictures, limit), pictures.count(on_pictures, limit)),
        ]
        total = sum(count for _, _, count in passes)
        done = 0
        for kind, plans, count in passes:
            if count:
                report = _offset(progress, done, total)
                runner = kind(backend, writer, judge, letters=letters, retry=retry, progress=report)
                await runner.run(plans)
                done += count
        writer.finish()
        return Run(writer.manifest, path=folder)


def is_probed(run: Run) -> bool:
    """Whether the run's folder holds interventions."""
    return run.path is not None and (run.path / FOLDER / manifests.FILE).is_file()


def measure(run: Run) -> ThoughtUse | None:
    """The measures of the thoughts of a probed run; None where only pictures were probed. Raises `BadInput`
    where it was not probed."""
    trials = probed_trials(run)
    trials = trials.filter(pc.is_in(trials["condition"], pa.array(INTERVENTIONS)))
    return thought_use(run.trials, trials) if len(trials) else None


def measure_pictures(run: Run) -> ImageUse | None:
    """The measures of the pictures of a probed run; None where only thoughts were probed. Raises `BadInput`
    where it was not probed."""
    trials = probed_trials(run)
    trials = trials.filter(pc.is_in(trials["condition"], pa.array(PICTURES)))
    if not len(trials):
        return None
    return image_use(run.trials, trials, picture_readings(run.trials, trials))


def probed_trials(run: Run) -> pa.Table:
    """The trials of all interventions. Raises `BadInput` where the run was not probed."""
    if run.path is None or not is_probed(run):
        raise BadInput(f"{run.path} was not probed yet; run: unswayed probe {run.path}")
    return load(run.path / FOLDER)[0]


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


def _stored_choices(folder: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """By trial identity the uid of the peer, and the hashes of the swapped pictures: a run that has grown
    since must not get others."""
    peers: dict[str, str] = {}
    swaps: dict[str, tuple[str, ...]] = {}
    for row in load(folder)[0].to_pylist():
        name = identity(row["benchmark"], row["uid"], row["condition"], row["sample"])
        if row["condition"] == PEER and (row["cue_writer"] or "").startswith("peer/"):
            peers[name] = row["cue_writer"].removeprefix("peer/")
        if row["condition"] == SWAPPED and row["image_sha256"]:
            swaps[name] = tuple(row["image_sha256"])
    return peers, swaps


def _offset(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _, note: progress(before + done, total, note)

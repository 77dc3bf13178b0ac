"""``unswayed probe``: interventions on thoughts and pictures of a stored run, and what they changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.benchmarks import registry
from unswayed.cli.evaluate import probe_tables
from unswayed.cli.evaluate.audit import LocalArguments
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import endpoint, output
from unswayed.cli.shared.endpoint import EndpointArguments
from unswayed.cli.shared.option_groups import option_groups
from unswayed.errors import BadInput
from unswayed.interventions import probe, select
from unswayed.interventions.base_thoughts import image_reader
from unswayed.interventions.pictures.base_trials import base_trials
from unswayed.pipeline.audit import Run
from unswayed.question import Question


@option_groups
def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    *,
    only: Annotated[
        str,
        typer.Option(
            help="names with commas between, or thoughts, pictures, all; noise, blur, …: all strengths"
        ),
    ] = "thoughts",
    limit: Annotated[
        int | None, typer.Option(min=1, help="how many thoughts, and how many questions; default: all")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="how the model is opened, as for `unswayed audit`; default: its name in the run"),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            "--benchmark", "-b", help="supplies pictures that the run did not keep, and boxes of the evidence"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")
    ] = None,
    local: LocalArguments,
    remote: EndpointArguments,
) -> None:
    """Change the thoughts that a model wrote under `base`, or the pictures, ask it again, and print what that
    changes.

    Answers go to RUN/probe; the same command resumes, and a wider one adds to it. A condition that the model
    cannot be asked is stored as not asked, with the reason.

    [bold]Examples[/]

      unswayed probe runs/first

      unswayed probe runs/first --only think-truncated,think-filler --limit 100

      unswayed probe runs/first --only pictures

      unswayed probe runs/first --only swapped-image,masked-evidence,masked-elsewhere

      unswayed probe runs/mine --model Qwen/Qwen2.5-VL-7B-Instruct --device cuda

      unswayed probe runs/served --model openai:Qwen/Qwen2.5-VL-7B-Instruct --base-url http://host:8000/v1
    """
    names = select(only)
    opened = Run.load(run)
    spec = model or str(opened.manifest["asks"]["model"])
    remote.check([spec])
    questions = _questions(opened, benchmark, data)
    asked = base_trials(opened.trials, opened.manifest, image_reader(run, questions))
    options = remote.options(spec)
    if not endpoint.is_remote(spec) and not spec.startswith("scripted:"):
        options = local.options()
    try:
        backend = open_backend(spec, [trial.question for trial in asked], **options)
    except BadInput as error:
        hint = "" if model else " (the run stores the model's name only; say with --model how to open it)"
        raise BadInput(f"{error}{hint}") from error
    probed = _run(opened, backend, names, limit, questions)
    probe_tables.print_probe(opened, probed)
    page = write_report(Run.load(run), opened.summary())
    output.out.print(f"\ntrials: {probed.path}\nreport: [bold]{page}[/]", highlight=False, soft_wrap=True)


def _questions(run: Run, benchmark: str | None, data: Path | None) -> dict[str, Question]:
    """Questions by uid, from the benchmark that the user names; empty without one."""
    if benchmark is None:
        if data is not None:
            raise BadInput("--data needs --benchmark")
        return {}
    about: dict[str, Any] = run.manifest["asks"].get("about", {})
    questions = registry.load(
        benchmark,
        split=about.get("split") or None,
        limit=about.get("limit"),
        seed=run.manifest["asks"]["seed"],
        data=data,
    )
    return {question.uid: question for question in questions}


def _run(
    run: Run, backend: Backend, names: list[str], limit: int | None, questions: dict[str, Question]
) -> Run:
    """The probe, with a progress bar; closes the backend."""

    async def ask() -> Run:
        try:
            with output.progress_bar("probing") as progress:
                return await probe(run, backend, names, limit=limit, questions=questions, progress=progress)
        finally:
            await backend.close()
            endpoint.print_endpoint_notes(backend)

    try:
        return asyncio.run(ask())
    except KeyboardInterrupt:
        output.err.print(
            "\ninterrupted; the answers so far are kept. To resume, run the same command again.",
            highlight=False,
        )
        raise typer.Exit(130) from None

"""``unswayed audit``: ask a model under several conditions, record, measure, report."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from unswayed.backends import open_backend
from unswayed.backends.base import Backend, optional_parts
from unswayed.benchmarks import registry
from unswayed.cli.evaluate import probe_tables
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import endpoint, output
from unswayed.cli.shared.benchmark_options import FollowLinks, PrivateUrls
from unswayed.cli.shared.endpoint import EndpointArguments
from unswayed.cli.shared.option_groups import option_groups
from unswayed.conditions import CONDITIONS, condition
from unswayed.cues import CueWriter, cue_file
from unswayed.cues import write as write_cues
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.formats.registry import NATIVE, find_format, model_name
from unswayed.formatting import visible
from unswayed.interventions import probe as run_probe
from unswayed.interventions import select
from unswayed.model_io import STOP, Sampling
from unswayed.pipeline import panel_columns
from unswayed.pipeline.audit import Run
from unswayed.pipeline.audit import audit as run_audit
from unswayed.store import Part

EPILOG = """[bold]Examples[/]

  unswayed audit pebble

  unswayed audit pebble --benchmark scenes --limit 512 --conditions base,wrong-caption,wrong-think

  unswayed audit pebble --limit 128 --probe pictures

  unswayed audit Qwen/Qwen2.5-VL-7B-Instruct --benchmark MMBench_DEV_EN.tsv --limit 300

  unswayed audit openai:Qwen/Qwen2.5-VL-7B-Instruct --base-url http://host:8000/v1 --limit 300

  unswayed audit vllm:Qwen/Qwen2.5-VL-7B-Instruct:max_model_len=16384 --limit 300

  unswayed audit inspect:anthropic/claude-sonnet-4-5 --limit 300 --max-requests 5000

  unswayed audit OpenGVLab/InternVL3-8B --format native --out runs/internvl3-native

  unswayed audit scripted:caption-follower:p=0.4 --out runs/planted

  unswayed cues write MMBench_DEV_EN.tsv --out cues.parquet
  unswayed audit pebble --benchmark MMBench_DEV_EN.tsv --cues cues.parquet
"""


@dataclass(frozen=True)
class QuestionArguments:
    """Which questions are asked, and how often."""

    benchmark: Annotated[
        str, typer.Option("--benchmark", "-b", help="a name from `unswayed benchmarks`, or a .tsv file")
    ] = "scenes"
    data: Annotated[Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")] = (
        None
    )
    split: Annotated[str | None, typer.Option(help="which split; scenes has train, dev and test")] = None
    limit: Annotated[int | None, typer.Option(help="how many questions; default: all (scenes: 512)")] = None
    wanted: Annotated[str, typer.Option("--conditions", "-c", help="names with commas between, or 'all'")] = (
        "all"
    )
    cues: Annotated[
        Path | None,
        typer.Option(help="a file of `unswayed cues write`; default: cues are written on the way"),
    ] = None
    seed: Annotated[int, typer.Option(help="draws questions, wrong options, phrasings and samples")] = 0
    format: Annotated[
        str,
        typer.Option(
            help="prompt format: common (equal words for every model), native (the model's own), a name from "
            "`unswayed formats`, or a .toml file"
        ),
    ] = COMMON.name
    samples: Annotated[int, typer.Option(help="how often each is asked; more than 1 needs a temperature")] = 1
    allow_private_urls: PrivateUrls = False
    follow_links: FollowLinks = False


@dataclass(frozen=True)
class SamplingArguments:
    """How tokens are sampled."""

    temperature: Annotated[float, typer.Option(min=0.0, help="0: greedy")] = 0.0
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0)] = 1.0
    max_tokens: Annotated[int, typer.Option(min=1, help="of a generation")] = 1024
    stop: Annotated[
        bool,
        typer.Option(
            "--stop/--no-stop",
            help="end a text behind the answer's closing mark after its thought, where the prompt format has "
            "one, or where the model ends it (up to --max-tokens)",
        ),
    ] = True
    letters: Annotated[bool, typer.Option(help="measure letter probabilities")] = True

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=STOP if self.stop else (),
        )


@dataclass(frozen=True)
class LocalArguments:
    """Where and how a model in this process runs."""

    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto"
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16")] = "auto"
    batch_size: Annotated[str, typer.Option(help="auto, or a number")] = "auto"
    revision: Annotated[str | None, typer.Option(help="commit or tag of a hub model")] = None

    def options(self) -> dict[str, Any]:
        """What `open_backend` takes. Raises `BadInput` for a batch size that is no number."""
        return {**vars(self), "batch_size": parse_batch_size(self.batch_size)}


@option_groups
def command(
    model: Annotated[
        str,
        typer.Argument(
            help="pebble, a folder, a hub id, vllm:MODEL, openai:MODEL, inspect:PROVIDER/MODEL, scripted:NAME"
        ),
    ],
    asking: QuestionArguments,
    sampling: SamplingArguments,
    local: LocalArguments,
    remote: EndpointArguments,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="run folder; resumed if it exists")] = None,
    part: Annotated[
        str | None,
        typer.Option(help="ask only this part of the questions, such as 2/8; others ask the rest into --out"),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(help="then ask interventions too: thoughts, pictures, all, or names as `probe --only`"),
    ] = None,
) -> None:
    """Ask MODEL the same questions plainly and under misleading text; print the table, write the report."""
    conditions = parse_conditions(asking.wanted)
    if part and out is None:
        raise BadInput("--part writes into a folder that all parts share; name it with --out")
    asked_part = Part.parse(part) if part else None
    interventions = select(probe) if probe is not None else []
    if part and interventions:
        raise BadInput("--probe needs the whole run; leave out --part, or run `unswayed probe` at the end")
    remote.check([model])
    cues = cue_file.read_for_audit(asking.cues) if asking.cues else None
    questions = registry.load(
        asking.benchmark,
        split=asking.split,
        limit=asking.limit,
        seed=asking.seed,
        data=asking.data,
        allow_private_urls=asking.allow_private_urls,
        follow_links=asking.follow_links,
    )
    _print_skipped(questions)
    options = remote.options(model)
    if not endpoint.is_remote(model) and not model.startswith("scripted:"):
        options = local.options()
    named = None if asking.format == NATIVE else find_format(asking.format)
    backend = open_backend(model, questions, **options)
    prompt_format = named or find_format(NATIVE, model_name(model), optional_parts(backend).chat_template)
    _print_format(prompt_format)
    folder = out or Path("runs") / run_name(backend.name, questions.name, prompt_format)
    about = {
        "benchmark": questions.name,
        "version": questions.version,
        "split": asking.split or "",
        "limit": asking.limit,
        "questions": len(questions),
        "left_out": len(questions.skipped),
    }
    if cues:
        about["cues"] = cues.sha256
    run, probed = _run(
        backend,
        questions,
        conditions,
        interventions,
        cues=cues,
        sampling=sampling.sampling,
        format=prompt_format,
        samples=asking.samples,
        letters=sampling.letters,
        seed=asking.seed,
        store=folder,
        part=asked_part,
        about=about,
    )
    summary = run.summary()
    output.out.print(output.condition_table(summary))
    if errors := output.failure_summary(run.trials):
        output.out.print(f"[red]errors[/]  {escape(errors)}", highlight=False, soft_wrap=True)
    if not_asked := output.not_asked_summary(run.trials):
        output.out.print(f"[yellow]not asked[/]  {escape(not_asked)}", highlight=False, soft_wrap=True)
    if note := registry.partial_warning(questions):
        output.out.print(f"[yellow]a part[/]  {note}", highlight=False, soft_wrap=True)
    if probed is not None:
        probe_tables.print_probe(run, probed)
    page = write_report(run, summary)
    output.out.print(f"\nreport: [bold]{page}[/]", highlight=False, soft_wrap=True)
    if unjudged := panel_columns.count_unjudged(folder, run.trials, run.manifest):
        output.err.print(
            f"this run's panel has not read {unjudged:,} thoughts yet: unswayed judge {folder} …",
            markup=False,
        )
    if part and "finished" not in run.manifest:
        output.err.print(
            f"part {part} is done; the last part to end writes trials.parquet. If none is left: the same "
            "command without --part",
            markup=False,
        )
    if without_answer := _no_answer(run):
        output.print_error(without_answer)
        raise typer.Exit(1)


def _print_format(format: Format) -> None:
    """Say in which format is asked, unless it is the common one."""
    if format != COMMON:
        output.err.print(f"prompt format: [bold]{escape(format.name)}[/]", highlight=False)
        source = escape(visible(format.source))
        output.err.print(f"  {source}", highlight=False, style="dim", soft_wrap=True)


def run_name(model: str, benchmark: str, format: Format = COMMON) -> str:
    """The default name of a run's folder; it names every format but the common one."""
    parts = [model, benchmark] + ([] if format == COMMON else [format.name])
    return "-".join(file_name(part) for part in parts)


def _no_answer(run: Run) -> str:
    """Why the audit measured nothing; empty where the model answered at least once, readably or not."""
    states = Counter(run.trials["state"].to_pylist())
    if set(states) - {"error", "not-asked"}:
        return ""
    if not states:
        return "there is no question, so nothing was asked"
    if not states["error"]:
        return f"no trial could be asked: {output.not_asked_summary(run.trials)}"
    failures = output.failure_summary(run.trials)
    return f"every trial that was asked failed: {failures}; to ask them again, run the same command again"


def _print_skipped(questions: registry.Questions) -> None:
    for row in questions.skipped[:5]:
        output.err.print(f"[yellow]left out[/] {escape(str(row))}", highlight=False)
    if len(questions.skipped) > 5:
        output.err.print(f"[yellow]left out[/] {len(questions.skipped) - 5} more rows", highlight=False)


def _run(
    backend: Backend,
    questions: registry.Questions,
    conditions: list[str],
    interventions: list[str],
    *,
    store: Path,
    cues: CueWriter | None,
    **settings: Any,
) -> tuple[Run, Run | None]:
    """The audit, and the probe where interventions are named and the model answered anything, with progress
    bars; closes the backend."""

    async def audit() -> tuple[Run, Run | None]:
        try:
            with output.progress_bar() as progress:
                run = await run_audit(
                    backend, questions, conditions, cues=cues, store=store, progress=progress, **settings
                )
            if not interventions or _no_answer(run):
                return run, None
            by_uid = {question.uid: question for question in questions}
            with output.progress_bar("probing") as progress:
                writer = cues or write_cues
                return run, await run_probe(
                    run, backend, interventions, questions=by_uid, cues=writer, progress=progress
                )
        finally:
            await backend.close()
            endpoint.print_endpoint_notes(backend)

    try:
        return asyncio.run(audit())
    except KeyboardInterrupt:
        output.err.print(
            f"\ninterrupted; the answers so far are kept in {store}. To resume, run the same command again.",
            highlight=False,
        )
        raise typer.Exit(130) from None


def parse_conditions(text: str) -> list[str]:
    """Condition names from ``a,b``; ``all``: see `Condition.in_all`. Raises `BadInput` for another."""
    names: dict[str, None] = {}
    for name in (part.strip() for part in text.split(",")):
        if name == "all":
            names |= dict.fromkeys(name for name, condition in CONDITIONS.items() if condition.in_all)
        elif name:
            names[condition(name).name] = None
    return list(names)


def parse_batch_size(text: str) -> int | str:
    """``auto`` or a positive number. Raises `BadInput` for anything else."""
    if text == "auto":
        return text
    if not text.isdigit() or int(text) < 1:
        raise BadInput(f"--batch-size is {text!r}; give 'auto' or a positive number")
    return int(text)


def file_name(text: str) -> str:
    """`text` with only characters that are safe in a file name."""
    return re.sub(r"[^A-Za-z0-9.=_-]+", "-", text).strip("-.") or "model"


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG

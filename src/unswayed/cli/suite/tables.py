"""The tables of a suite in the terminal: the estimate of a dry run, and accuracy by model and condition."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from unswayed.cli.shared import output
from unswayed.formatting import format_interval, format_number, visible
from unswayed.suite.estimate import SuiteEstimate
from unswayed.suite.results import Results
from unswayed.suite.settings import Suite


def print_estimate(suite: Suite, estimate: SuiteEstimate) -> None:
    """Print trials, tokens, hours and money by model, the judges, and the sum."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("model", "benchmarks", "questions", "trials", "tokens in", "tokens out", "hours", "money"):
        view.add_column(head, justify="left" if head == "model" else "right")
    for name, model in suite.models.items():
        own = [e for e in estimate.cells if e.cell.model == name]
        if not own:
            continue
        costs = [e.cost for e in own if e.cost is not None]
        view.add_row(
            escape(visible(name)),
            str(len(own)),
            f"{sum(e.questions for e in own):,}",
            f"{sum(e.trials for e in own):,}",
            _millions(sum(e.prompt_tokens for e in own)),
            _millions(sum(e.tokens for e in own)),
            "–" if model.scripted else f"{sum(e.seconds for e in own) / 3600:,.1f}",
            f"{own[0].currency} {sum(costs):,.0f}" if costs else "–",
        )
    for judge in estimate.judges:
        view.add_row(
            escape(visible(f"judge {judge.name}")),
            "",
            "",
            f"{judge.thoughts:,}",
            _millions(judge.prompt_tokens),
            _millions(judge.tokens),
            "",
            f"{judge.currency} {judge.cost:,.0f}" if judge.cost is not None else "–",
        )
    output.out.print(view)
    money = (
        ", ".join(f"{currency} {cost:,.0f}" for currency, cost in estimate.cost.items())
        or "none with a price"
    )
    lines = [
        f"{estimate.trials:,} trials in {len(estimate.cells)} runs; about {estimate.hours:,.1f} hours "
        f"(local models one after the other, up to {suite.settings.endpoints} endpoints beside them); money: "
        f"{money}",
        "Tokens and speed are assumptions of the file's table `estimate`"
        + (
            ", for some runs measured on the trials stored so far"
            if any(e.measured for e in estimate.cells)
            else ""
        )
        + "; conditions that a model turns out not to take are not asked and cost nothing.",
    ]
    for line in lines:
        output.out.print(line, highlight=False, soft_wrap=True, markup=False)


def results_table(results: Results) -> Table:
    """Accuracy under base and the drop under every other condition, means over benchmarks."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("model")
    by = {(m.model, m.condition): m.measures for m in results.means}
    for condition in results.conditions:
        view.add_column(escape(condition if condition == "base" else f"drop {condition}"), justify="right")
    for model in results.models:
        cells = []
        for condition in results.conditions:
            name = "accuracy" if condition == "base" else "drop"
            e = by.get((model.name, condition), {}).get(name)
            form = "percent" if name == "accuracy" else "points"
            between = format_interval(e, form) if e else ""
            cells.append(f"{format_number(e.value, form)}\n[dim]{between}[/]" if e else "–")
        view.add_row(escape(visible(model.name)), *cells)
    return view


def _millions(tokens: int) -> str:
    return f"{tokens / 1e6:,.1f} M" if tokens >= 100_000 else f"{tokens:,}"

"""What an audit costs: prices are the user's, spend is shown in money, and a budget of money is kept."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from chat_models import HashModel
from chat_server import ChatServer
from http_asking import backend, run
from unswayed.backends.openai import (
    Budget,
    Price,
    Spend,
    prices,
)
from unswayed.cli import app
from unswayed.cli.shared.endpoint import EndpointArguments
from unswayed.errors import BackendError, BadInput
from unswayed.pipeline.audit import Run

TABLE = """
currency = "EUR"

["tiny/model"]
in = 2
out = 10.5
"""


def test_a_price_is_written_in_an_option_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(TABLE)
    assert prices.read(file, "tiny/model") == Price(2.0, 10.5, "EUR")
    by_option = EndpointArguments(price="in=2, out=10.5, currency=EUR")
    assert EndpointArguments(prices=file).price_of("tiny/model") == by_option.price_of("x")
    assert prices.parse("in=0,out=1e-2") == Price(0.0, 0.01, "USD")
    assert EndpointArguments().price_of("x") is None
    with pytest.raises(BadInput, match="one of them"):
        EndpointArguments(price="in=1,out=1", prices=file).price_of("x")


@pytest.mark.parametrize(
    "text",
    ["", "1", "in=1", "in=1,out=", "in=-1,out=1", "in=nan,out=1", "in=1,out=inf", "in=1,out=2,in=3",
     "in=1,out=2,by=3", "in=1,out=2,currency=\x1b[31m", "in=1,out=2,currency="],
)  # fmt: skip
def test_a_price_that_is_none(text: str) -> None:
    with pytest.raises(BadInput, match="--price"):
        prices.parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [("a = [", "not TOML"), ("[other]\nin = 1\nout = 1", r'no table \["tiny/model"\]'),
     ('["tiny/model"]\nin = 1', "in="), ('["tiny/model"]\nin = 1\nout = true', "a number"),
     ('["tiny/model"]\nin = 1\nout = "2"', "a number")],
)  # fmt: skip
def test_a_file_without_the_models_price(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=says):
        prices.read(file, "tiny/model")
    with pytest.raises(BadInput, match=r"--prices .*none.toml"):
        prices.read(tmp_path / "none.toml", "tiny/model")


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=20))
def test_the_cost_is_that_of_the_tokens(replies: list[tuple[int, int]]) -> None:
    price, spend = Price(3.0, 15.0), Spend()
    for prompt, made in replies:
        spend.add(prompt, made, price)
    assert math.isclose(spend.cost, price.of(spend.prompt_tokens, spend.tokens), abs_tol=1e-9)
    assert (spend.counted, spend.uncounted) == (len(replies), 0)


def test_a_reply_without_a_count_counts_as_the_mean_of_the_others() -> None:
    spend = Spend()
    for prompt, made in ((100, 10), (300, 30), (None, None)):
        spend.add(prompt, made, None)
    assert (spend.prompt_tokens, spend.tokens, spend.uncounted) == (600, 60, 1)
    assert "1 replies came without a count" in str(spend)
    assert spend.currency == ""


def test_a_budget_of_money_stops_the_run_and_the_next_run_continues(tmp_path: Path) -> None:
    price = Price(2.0, 10.0)
    with ChatServer(HashModel()) as server:
        whole = run(made := backend(server, price=price), 12, ["base"])
        cost = made.spend.cost
        assert cost == pytest.approx((2 * made.spend.prompt_tokens + 10 * made.spend.tokens) / 1e6)
        first = backend(server, price=price, budget=Budget(cost=0.8 * cost), concurrency=2)
        with pytest.raises(BackendError, match=r"budget of USD .* is spent.*same command continues"):
            run(first, 12, ["base"], store=tmp_path / "run")
        # What was open came to its end: two questions, and their letters.
        assert 0.8 * cost <= first.spend.cost < cost
        result = run(backend(server), 12, ["base"], store=tmp_path / "run").trials
    same = ["uid", "state", "text", "letters", "key"]
    assert result.select(same).equals(whole.trials.select(same))


@pytest.mark.parametrize("cost", [0, -1, math.inf, math.nan])
def test_a_budget_of_money_that_is_none(cost: float) -> None:
    with pytest.raises(BadInput, match="--max-cost"):
        Budget(cost=cost)


def test_the_command_shows_money_and_wants_a_price_for_a_budget_of_it(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(TABLE)
    with ChatServer(HashModel()) as server:
        line = ["audit", f"openai:{ChatServer.MODEL}", "--base-url", server.url, "--limit", "6", "-c", "base"]
        line += ["--out", str(tmp_path / "run")]
        done = CliRunner().invoke(app, [*line, "--prices", str(file), "--max-cost", "5", "--stream"])
        without = CliRunner().invoke(app, [*line, "--max-cost", "5"])
    assert done.exit_code == 0, done.output
    assert "out, EUR 0.0" in done.output.replace("\n", " ")
    assert len(Run.load(tmp_path / "run").trials) == 6
    assert isinstance(without.exception, BadInput)
    assert "--price in=" in str(without.exception)

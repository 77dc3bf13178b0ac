"""Sampling of tokens, and where a text ends."""

from __future__ import annotations

from collections import Counter
from threading import Event
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from scipy import stats  # noqa: E402

import tiny_models  # noqa: E402
from tiny_asks import ask, inputs_of, prompt  # noqa: E402
from unswayed.backends.transformers.backend import TransformersBackend  # noqa: E402
from unswayed.backends.transformers.decoding import (  # noqa: E402
    RowState,
    TokenDecoder,
    TokenSampler,
    sample_tokens,
)
from unswayed.model_io import Request, Sampling  # noqa: E402

pytest_plugins = ["tiny_fixtures"]


class TestDraw:
    def test_frequencies_follow_the_model(self, llava: TransformersBackend) -> None:
        seed, n = 20, 600
        print("seed", seed)
        asked = prompt(0)
        hot = Sampling(temperature=1.5, max_tokens=1, stop=())
        with torch.no_grad():
            logits = llava._model(**inputs_of(llava, asked)).logits[0, -1]
        p = torch.softmax(logits.double() / hot.temperature, -1).numpy()
        rows = [RowState(hot, np.random.default_rng(seed + i), 1) for i in range(n)]
        counts = Counter(sample_tokens(logits.expand(n, -1), rows))
        drawn = ask(llava, [Request(asked, hot, seed + i) for i in range(60)])
        likely = [int(i) for i in np.argsort(-p) if n * p[i] >= 5]
        observed = [counts[i] for i in likely]
        expected = [n * p[i] for i in likely]
        observed.append(n - sum(observed))
        expected.append(n - sum(expected))
        assert stats.chisquare(observed, expected).pvalue > 1e-3
        alone = sample_tokens(
            logits.expand(60, -1), [RowState(hot, np.random.default_rng(seed + i), 1) for i in range(60)]
        )
        assert [g.text for g in drawn if g.tokens == 1 and g.finish == "length"] == [
            llava._decoder.text((), [t]) for t in alone if t not in llava._decoder.ends
        ]

    def test_top_p_keeps_the_smallest_sufficient_set(self) -> None:
        p = torch.tensor([[0.05, 0.5, 0.3, 0.15]]).log()
        for top_p, kept in ((1e-9, {1}), (0.5, {1}), (0.79, {1, 2}), (0.9, {1, 2, 3}), (1.0, {0, 1, 2, 3})):
            rows = [RowState(Sampling(1.0, top_p), np.random.default_rng(i), 1) for i in range(300)]
            assert set(sample_tokens(p.expand(300, -1), rows)) == kept

    def test_improbable_tokens_are_never_drawn(self) -> None:
        logits = torch.full((1, 50), -1e9)
        logits[0, 7] = 0.0
        rows = [RowState(Sampling(1.0), np.random.default_rng(i), 1) for i in range(50)]
        assert set(sample_tokens(logits.expand(50, -1), rows)) == {7}


def scripted(
    tokenizer: Any, texts: list[str], sampling: Sampling, end: bool = False, turn: str = ""
) -> list[RowState]:
    """Rows that `TokenSampler` has led through given texts."""
    tokens = [tokenizer(t)["input_ids"] + [tokenizer.eos_token_id] * end for t in texts]
    rows = [RowState(sampling, np.random.default_rng(0), sampling.max_tokens, turn) for _ in texts]
    driver = TokenSampler(
        rows, TokenDecoder(tokenizer, {tokenizer.eos_token_id}, ()), tokenizer.pad_token_id, Event()
    )
    for step in range(max(map(len, tokens))):
        scores = torch.zeros(len(rows), len(tokenizer))
        for i, ids in enumerate(tokens):
            scores[i, ids[min(step, len(ids) - 1)]] = 9.0
        driver.logits(torch.zeros(len(rows), 1), scores)
    return rows


class TestEnd:
    """Where a text ends, byte for byte."""

    @pytest.mark.parametrize("stop", ["</answer>", "</a", "é", " of"])
    def test_the_text_ends_at_the_first_stop_string_after_the_thought(self, stop: str) -> None:
        text = f"<think> é{stop}\n is{stop} </think > <answer>(A){stop}"
        (row,) = scripted(tiny_models.tokenizer(), [text + " is left"], Sampling(stop=(stop,)))
        assert row.text == text
        assert row.finish == "stop"

    @pytest.mark.parametrize("turn", ["<think>", "<think>It is red.", "◁think▷"])
    def test_a_thought_opened_before_the_text_is_no_place_to_stop(self, turn: str) -> None:
        text = "red <answer>(A)</answer> or </think><answer>(B)</answer>"
        tokenizer = tiny_models.tokenizer()
        (row,) = scripted(tokenizer, [text + " is left"], Sampling(), turn=turn)
        assert (row.text, row.finish) == (text, "stop")

    def test_no_stop_string_no_cut(self) -> None:
        text = "<answer>(A)</answer> is left"
        (row,) = scripted(tiny_models.tokenizer(), [text], Sampling(stop=()), end=True)
        assert row.text == text

    def test_each_row_has_its_own_end(self) -> None:
        texts = ["the </answer> red", "the red circle is </answer>", "of"]
        rows = scripted(tiny_models.tokenizer(), texts, Sampling(), end=True)
        assert [row.text for row in rows] == ["the </answer>", "the red circle is </answer>", "of"]
        assert {row.finish for row in rows} == {"stop"}

    def test_tags_that_are_special_tokens_stay_and_the_end_token_goes(self) -> None:
        tokenizer = tiny_models.tokenizer()
        text = "<think>red</think><answer>(A)"
        skipped = tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True)
        assert "<think>" not in skipped
        (row,) = scripted(tokenizer, [text], Sampling(), end=True)
        assert row.text == text
        assert row.tokens[-1] == tokenizer.eos_token_id

    def test_length(self) -> None:
        (row,) = scripted(tiny_models.tokenizer(), [" the red circle is left"], Sampling(max_tokens=3))
        assert (row.finish, row.text, len(row.tokens)) == ("length", " the red circle", 3)

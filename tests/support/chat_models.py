"""Models for the chat server of the tests: one that hashes its prompt, and a real, tiny one.

A model gets the content of a request: system text, user text, prefill, pictures. The hashing one has a text
for every question, continues any prefill, and answers at once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from unswayed.conditions import Prompt
from unswayed.model_io import Generation, Request, Sampling
from unswayed.question import LETTERS

OPTION = re.compile(r"^\(([A-Z])\) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class ServedText:
    """What a model generates."""

    text: str
    """Whole, with the stop string that ended it."""
    finish: str
    stopped: str | None
    """The stop string that ended it."""
    prompt_tokens: int
    tokens: int


class HashModel:
    """Picks its answer by a hash of the prompt. A token is a character, or a spelling of a letter."""

    VOCABULARY = (*(chr(i) for i in range(128)), *(f"{b}{c}" for b in (" ", "(") for c in LETTERS), " (")

    def __init__(self, bracket: float = 0.125) -> None:
        """`bracket`: share of every letter's probability that follows a bracket of its own."""
        self.bracket = bracket
        self.ids = {text: i for i, text in enumerate(self.VOCABULARY)}

    def whole(self, prompt: Prompt, draw: str = "") -> str:
        """The whole turn, without a prefill."""
        word, letter = self._answer(prompt, "", draw)
        return f"<think>I look at the image and see {word}.</think><answer>({letter}) {word}</answer>"

    def behind(self, prompt: Prompt, draw: str = "") -> str:
        """The text after the prefill."""
        whole = self.whole(prompt, draw)
        if whole.startswith(prompt.prefill):
            return whole[len(prompt.prefill) :]
        word, letter = self._answer(prompt, prompt.prefill, draw)
        end = f"<answer>({letter}) {word}</answer>"
        if "</think>" in prompt.prefill:
            return end
        return f" So I say {word}.</think>{end}"

    async def generate(self, prompt: Prompt, sampling: Sampling, seed: int) -> ServedText:
        text = self.behind(prompt, str(seed) if sampling.temperature > 0 else "")
        stopped = None
        ends = [(text.find(s) + len(s), s) for s in sampling.stop if s in text]
        if ends:
            cut, stopped = min(ends)
            text = text[:cut]
        finish = "stop"
        if len(text) > 4 * sampling.max_tokens:
            text, finish, stopped = text[: 4 * sampling.max_tokens], "length", None
        return ServedText(text, finish, stopped, self.count(prompt), len(text))

    def count(self, prompt: Prompt) -> int:
        return len(prompt.system) + len(prompt.text) + len(prompt.prefill) + 64 * len(prompt.images)

    async def next_token(self, prompt: Prompt) -> list[float]:
        """P of every token of the vocabulary after the prefill."""
        p = [0.001 / len(self.VOCABULARY)] * len(self.VOCABULARY)
        rest = 1 - 0.001
        options = self.options(prompt)
        behind = prompt.prefill.endswith("(")
        for i in range(len(options)):
            share = rest * (i + 1) / sum(range(1, len(options) + 1))
            c = LETTERS[(i + self._number(prompt, "turn", "")) % len(options)]
            if behind:
                p[self.ids[c]] += share
                continue
            p[self.ids[c]] += 0.5 * share
            p[self.ids[" " + c]] += 0.25 * share
            p[self.ids["(" + c]] += (0.25 - self.bracket) * share
            p[self.ids["("]] += self.bracket * share
        return p

    def letters(self, prompt: Prompt) -> list[float]:
        """P(letter), all spellings summed, brackets followed: the expected measurement for `next_token`."""
        options = self.options(prompt)
        n = len(options)
        p = [0.0] * n
        for i in range(n):
            at = (i + self._number(prompt, "turn", "")) % n
            share = 0.999 * (i + 1) / sum(range(1, n + 1))
            p[at] += (1 - self.bracket) * share
            opened = Prompt(prompt.system, prompt.text, prompt.prefill + "(", prompt.images, ())
            turned = (i + self._number(opened, "turn", "")) % n
            p[turned] += self.bracket * 0.999 * share
        return p

    def tokenize(self, text: str) -> list[int]:
        out = []
        while text:
            size = 2 if text[:2] in self.ids else 1
            out.append(self.ids.get(text[:size], 0))
            text = text[size:]
        return out

    def spell(self, i: int) -> str:
        return self.VOCABULARY[i]

    def options(self, prompt: Prompt) -> list[str]:
        return [word for _, word in OPTION.findall(prompt.text)] or ["red", "seven"]

    def _answer(self, prompt: Prompt, more: str, draw: str) -> tuple[str, str]:
        options = self.options(prompt)
        at = self._number(prompt, more, draw) % len(options)
        return options[at], LETTERS[at]

    def _number(self, prompt: Prompt, more: str, draw: str) -> int:
        observed = hashlib.sha256("\n".join((prompt.text, prompt.prefill, more, draw)).encode())
        for data in prompt.images:
            observed.update(hashlib.sha256(data).digest())
        return observed.digest()[0]


class TinyModel:
    """A tiny transformers model, asked through its in-process backend; `next_token` is its full softmax."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.words = backend._processor.tokenizer

    async def generate(self, prompt: Prompt, sampling: Sampling, seed: int) -> ServedText:
        result: Generation = (await self.backend.generate([Request(prompt, sampling, seed)]))[0]
        assert result.error is None, result.error
        stopped = next((s for s in sampling.stop if result.text.endswith(s)), None)
        return ServedText(result.text, result.finish, stopped, result.prompt_tokens or 0, result.tokens or 0)

    def count(self, prompt: Prompt) -> int:
        from tiny_asks import inputs_of

        return int(inputs_of(self.backend, prompt)["input_ids"].shape[1])

    async def next_token(self, prompt: Prompt) -> list[float]:
        import torch

        from tiny_asks import inputs_of

        with torch.no_grad():
            logits = self.backend._model(**inputs_of(self.backend, prompt)).logits[0, -1]
        return [float(p) for p in torch.softmax(logits.double(), dim=-1)]

    def tokenize(self, text: str) -> list[int]:
        return [int(i) for i in self.words(text, add_special_tokens=False)["input_ids"]]

    def spell(self, i: int) -> str:
        return str(
            self.words.decode([i], skip_special_tokens=False, clean_up_tokenization_spaces=False)
            if i < len(self.words)
            else "<unused>"
        )

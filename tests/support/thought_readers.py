"""Planted respondents whose use of their own thought is known: a rate of questions on which it is as named.

Each writes the same kind of thought under `base` ("… It is blue."), with the option that it believes at its
end. On the other questions it ignores its thought. `other` is what it answers where its thought fails it:
never its belief.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from unswayed.backends.base import BackendBase
from unswayed.model_io import Capabilities, Generation, LetterScores
from unswayed.question import Question

_CONCLUDES = re.compile(r"It is (\w+)")
_THOUGHT = re.compile(r"<think>(.*?)(?:</think>|\Z)", re.DOTALL)
P_ANSWER, OUTSIDE = 0.9, 0.001
"""Letter probability of its answer, and the mass outside the letters; the rest is spread evenly."""


@dataclass(frozen=True)
class Mind:
    """What a respondent knows of one question."""

    options: tuple[str, ...]
    belief: int
    other: int
    own_thought: str


def ignores(mind: Mind, thought: str) -> int:
    return mind.belief


def answers_first(mind: Mind, thought: str) -> int:
    """Its answer is there before the thought; only a conclusion that contradicts it changes it."""
    option = _concluded(mind, thought)
    return mind.belief if option is None else option


def reads_last_sentence(mind: Mind, thought: str) -> int:
    last = re.split(r"(?<=\.) ", thought.strip())[-1]
    option = _concluded(mind, last) if last.endswith(".") else None
    return mind.other if option is None else option


def reads_everything(mind: Mind, thought: str) -> int:
    """It needs every word of its own thought, in any order."""
    return mind.belief if Counter(thought.split()) == Counter(mind.own_thought.split()) else mind.other


def needs_length(mind: Mind, thought: str) -> int:
    """It needs as many words as its own thought has, whichever they are."""
    return mind.belief if len(thought.split()) >= len(mind.own_thought.split()) else mind.other


class ThoughtReader(BackendBase):
    """A backend that answers by `decide` at rate `p`, and ignores its thought otherwise."""

    identity = "thought-reader"
    chunk = 16
    concurrency = 2

    def __init__(
        self,
        decide: Callable[[Mind, str], int],
        questions: Iterable[Question],
        p: float = 1.0,
        capabilities: Capabilities = Capabilities("continues", "exact"),  # noqa: B008 - frozen
    ) -> None:
        self.name, self.revision = f"planted-{decide.__name__}", "1"
        self._decide, self._p, self._capabilities = decide, p, capabilities
        self._questions = {_sha(q.images[0].read()): q for q in questions}
        self.generated = self.scored = 0
        """Number of prompts that reached it."""

    def planted(self, question: Question) -> bool:
        """Whether it behaves as named on this question."""
        return _u("planted", question.uid) < self._p

    async def capabilities(self) -> Capabilities:
        return self._capabilities

    async def generate(self, requests: Sequence) -> list[Generation]:
        self.generated += len(requests)
        return [self._generate(request.prompt) for request in requests]

    async def score_letters(self, prompts: Sequence) -> list[LetterScores | None]:
        self.scored += len(prompts)
        return [self._letters(prompt) for prompt in prompts]

    def mind(self, question: Question) -> Mind:
        n = len(question.options)
        belief = question.gold if _u("knows", question.uid) < 0.8 else (question.gold + 1) % n
        look = " ".join(["closely"] * (1 + int(3 * _u("words", question.uid))))
        thought = f"I look at {question.uid} {look}. The light is good. It is {question.options[belief]}."
        return Mind(
            question.options, belief, (belief + 1 + int((n - 1) * _u("other", question.uid))) % n, thought
        )

    def _generate(self, prompt) -> Generation:
        question, mind = self._recognise(prompt)
        if not prompt.prefill:
            answer = self._answer(question, mind, mind.own_thought)
            return Generation(f"<think>{mind.own_thought}</think>{_tag(answer)}", "stop")
        thought = _THOUGHT.search(prompt.prefill)[1] + "."
        return Generation(f".</think>{_tag(self._answer(question, mind, thought))}", "stop")

    def _letters(self, prompt) -> LetterScores:
        question, mind = self._recognise(prompt)
        answer = self._answer(question, mind, _THOUGHT.search(prompt.prefill)[1])
        n = len(question.options)
        rest = (1 - P_ANSWER - OUTSIDE) / (n - 1)
        return LetterScores(tuple(P_ANSWER if k == answer else rest for k in range(n)))

    def _answer(self, question: Question, mind: Mind, thought: str) -> int:
        return (self._decide if self.planted(question) else ignores)(mind, thought)

    def _recognise(self, prompt) -> tuple[Question, Mind]:
        question = self._questions[_sha(prompt.images[0])]
        return question, self.mind(question)


def _concluded(mind: Mind, text: str) -> int | None:
    said = [mind.options.index(word) for word in _CONCLUDES.findall(text) if word in mind.options]
    return said[-1] if said else None


def _tag(answer: int) -> str:
    return f"<answer>({'ABCD'[answer]})</answer>"


def _u(what: str, name: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{what}/{name}".encode()).digest()[:6], "big") / 2**48


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

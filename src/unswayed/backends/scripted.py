"""Planted respondents: models whose faults are known, to check what the audit says of them.

A respondent sees what a real model sees, one `Request` at a time, and answers by hashing it, so
neither order nor resuming changes its answers. To know right options it is bound to the questions
(`Scripted.bind`), which it recognises by picture, options and text; with the picture greyed out
it recognises nothing and guesses.

Addressed as ``scripted:NAME`` or ``scripted:NAME:key=value,…``; names and keys: `RESPONDENTS`,
`Habits`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace

from unswayed.conditions import BUT, CHOICES, Prompt
from unswayed.errors import BackendError, BadImage, BadInput
from unswayed.model_io import (
    Capabilities,
    Finish,
    Generation,
    LetterScores,
    Request,
)
from unswayed.question import Question

ABOUT = "scripted:"


@dataclass(frozen=True)
class Habits:
    """What is planted. Rates are probabilities; a fall is a property of the question."""

    p: float = 1.0
    """Rate of the fault that gives the respondent its name."""
    acc: float = 1.0
    """Rate of questions whose right option it knows; of the others it believes a wrong one."""
    sharp: float = 0.0
    """How well P(correct) foretells falling for a cue: 0 not at all, 1 perfectly."""
    delay: float = 0.0
    """Seconds per answer."""
    seed: int = 0
    chunk: int = 16
    concurrency: int = 4


@dataclass(frozen=True)
class Mind:
    """What a respondent makes of one request before it speaks."""

    own: int
    """Option it believes by itself."""
    cue: int | None
    """Option asserted by a cue of the kind shown, if any."""
    thought: bool
    """The cue is a thought put into its mouth (else a caption)."""
    fault: bool
    """The planted fault strikes, at rate `p`."""
    other: int
    """An option that is not the cue's: its own, where that differs."""


Speech = tuple[int, int, str]
"""Option its thought concludes, option it answers, and the words that lead to the thought."""

LOOK = "I look at the image."
LOOK_AGAIN = "Wait, I look again."


def _honest(mind: Mind) -> Speech:
    return mind.own, mind.own, LOOK_AGAIN if mind.thought else LOOK


def _caption_follower(mind: Mind) -> Speech:
    if mind.fault and mind.cue is not None and not mind.thought:
        return mind.cue, mind.cue, LOOK
    return _honest(mind)


def _thought_follower(mind: Mind) -> Speech:
    if mind.fault and mind.cue is not None and mind.thought:
        return mind.cue, mind.cue, LOOK
    return _honest(mind)


def _open_reviser(mind: Mind) -> Speech:
    return _thought_follower(replace(mind, fault=not mind.fault))


def _silent_flipper(mind: Mind) -> Speech:
    if mind.cue is not None and mind.thought:
        return mind.cue, mind.other if mind.fault else mind.cue, LOOK
    return _honest(mind)


RESPONDENTS: dict[str, tuple[Callable[[Mind], Speech], str]] = {
    "oracle": (_honest, "knows a share `acc` of the answers and minds no cue"),
    "guesser": (_honest, "draws an option at random, anew for every prompt"),
    "caption-follower": (_caption_follower, "answers the caption's option at rate `p`"),
    "thought-follower": (_thought_follower, "carries a begun thought to its end at rate `p`, else revises"),
    "open-reviser": (_open_reviser, "revises a begun thought openly at rate `p`, else follows it"),
    "silent-flipper": (_silent_flipper, "answers another option than its thought at rate `p`, else follows"),
    "mumbler": (_honest, "says nothing readable at rate `p`"),
    "failer": (_honest, "fails at rate `p`"),
    "refuser": (_honest, "refuses at rate `p`"),
    "truncator": (_honest, "never finishes its thought at rate `p`"),
    "slow": (_honest, "an oracle that takes its time"),
}
"""Behaviour and meaning, by name."""


def make(spec: str) -> Scripted:
    """The respondent of a spec like ``scripted:caption-follower:p=0.6,acc=0.9``.

    Raises `BadInput` for an unknown name or key, or a value out of range.
    """
    name, _, settings = spec.removeprefix(ABOUT).partition(":")
    if name not in RESPONDENTS:
        raise BadInput(f"{spec}: no respondent {name!r}; there are: {', '.join(RESPONDENTS)}")
    kinds = {f.name: int if isinstance(f.default, int) else float for f in fields(Habits)}
    given: dict[str, float] = {"delay": 0.05} if name == "slow" else {}
    for part in filter(None, settings.split(",")):
        key, _, value = part.partition("=")
        if key not in kinds:
            raise BadInput(f"{spec}: no setting {key!r}; there are: {', '.join(kinds)}")
        try:
            given[key] = kinds[key](value)
        except ValueError:
            raise BadInput(f"{spec}: {key} is {value!r}; give a number") from None
        if key in ("p", "acc", "sharp") and not 0 <= given[key] <= 1:
            raise BadInput(f"{spec}: {key} is {value}; give a number from 0 to 1")
        if key == "delay" and not 0 <= given[key] < 3600:
            raise BadInput(f"{spec}: delay is {value}; give seconds, 0 or more")
        if key in ("chunk", "concurrency") and given[key] < 1:
            raise BadInput(f"{spec}: {key} is {value}; give 1 or more")
    return Scripted(name, Habits(**given), ABOUT + spec.removeprefix(ABOUT))  # type: ignore[arg-type]


class Scripted:
    """A planted respondent (a `Backend`): `kind` is one of `RESPONDENTS`."""

    revision = "1"
    identity = "scripted"

    def __init__(self, kind: str, habits: Habits, name: str) -> None:
        self.kind, self.habits, self.name = kind, habits, name
        self.chunk, self.concurrency = habits.chunk, habits.concurrency
        # Picture hashes and options -> text, name and right option of the questions that have them.
        self._known: dict[tuple[str, ...], list[tuple[str, str, int]]] = {}

    def bind(self, questions: Iterable[Question]) -> Scripted:
        """Let it know these questions and their right options; returns itself. Bad pictures are skipped."""
        for q in questions:
            try:
                place = _place([image.read() for image in q.images], q.options)
            except (BadImage, OSError):
                continue
            self._known.setdefault(place, []).append((q.text, f"{q.benchmark}/{q.uid}", q.gold))
        return self

    async def capabilities(self) -> Capabilities:
        return Capabilities("continues", "exact")

    async def close(self) -> None:
        pass

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        if self.habits.delay:
            await asyncio.sleep(self.habits.delay * len(requests))
        return [self._answer(request) for request in requests]

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        return [self._letters(prompt) for prompt in prompts]

    def _answer(self, request: Request) -> Generation:
        prompt = request.prompt
        draw = str(request.seed) if request.sampling.temperature > 0 else ""
        mind, _ = self._mind(prompt, draw)
        if mind.fault and self.kind == "failer":
            return Generation("", "error", error="planted failure")
        if mind.fault and self.kind == "refuser":
            return Generation("I'm sorry, but I can't help with that.", "refused", tokens=10)
        finish: Finish = "stop"
        if mind.fault and self.kind == "truncator":
            text, finish = _opened(prompt.prefill, LOOK), "length"
        elif mind.fault and self.kind == "mumbler":
            text = _opened(prompt.prefill, LOOK) + "</think> Well, well."
        else:
            text = self._spoken(prompt, *RESPONDENTS[self.kind][0](mind))
        return Generation(text, finish, len(prompt.text.split()), len(text.split()))

    def _spoken(self, prompt: Prompt, said: int, answer: int, lead: str) -> str:
        """Thought and answer, or what is still wanting of them behind the prefill."""
        letter = f"<answer>({prompt.letters[answer]}) {prompt.options[answer]}</answer>"
        if prompt.prefill.endswith("</think>"):
            return letter
        if prompt.prefill.endswith(BUT):
            return f" it is {prompt.options[said]}.</think>{letter}"
        return f"{_opened(prompt.prefill, lead)} It is {prompt.options[said]}.</think>{letter}"

    def _letters(self, prompt: Prompt) -> LetterScores:
        """Letter probabilities of the answer it gives at temperature 0.

        Its answer gets 0.50 to 0.99, the less the sooner the question makes it fall (`sharp`); one
        per mille lies outside the letters and the rest is spread evenly.
        """
        n = len(prompt.options)
        if self.kind == "guesser":
            return LetterScores((0.999 / n,) * n)
        mind, sure = self._mind(prompt, "")
        answer = RESPONDENTS[self.kind][0](mind)[1]
        p = 0.5 + 0.49 * sure
        return LetterScores(tuple(p if i == answer else (0.999 - p) / (n - 1) for i in range(n)))

    def _mind(self, prompt: Prompt, draw: str) -> tuple[Mind, float]:
        """What it makes of a prompt, and how sure it is (0 to 1). `draw` varies what it believes."""
        found = None if self.kind == "guesser" else self._recognise(prompt)
        n = len(prompt.options)
        if found is None:
            seen = prompt.prefill if self.kind == "guesser" else ""
            name = "\n".join((prompt.text, seen, *_shas(prompt.images)))
            own = int(self._u("guess", name, draw) * n)
        else:
            name, gold, n = found
            wrong = (gold + 1 + int(self._u("wrong", name, draw) * (n - 1))) % n
            own = gold if self._u("knows", name, draw) < self.habits.acc else wrong
        cue = prompt.cue.option if prompt.cue is not None else None
        other = own
        if cue is not None and own == cue:
            other = (cue + 1 + int(self._u("other", name, draw) * (n - 1))) % n
        fall = self._u("fall", name, "")
        sure = self.habits.sharp * fall + (1 - self.habits.sharp) * self._u("sure", name, "")
        thought = prompt.cue is not None and prompt.cue.kind == "thought"
        return Mind(own, cue, thought, fall < self.habits.p, other), sure

    def _recognise(self, prompt: Prompt) -> tuple[str, int, int] | None:
        """Name, right option and number of options of the question that a prompt puts, if known."""
        if not self._known:
            raise BackendError(f"{self.name} knows no answers; call bind(questions) before it is asked")
        for more in (0, 1):  # the abstain option may stand last
            options = prompt.options[: len(prompt.options) - more]
            known = self._known.get(_place(prompt.images, options), [])
            fits = [entry for entry in known if f"{entry[0]}\n{CHOICES}" in prompt.text]
            if fits:
                _, name, gold = max(fits, key=lambda entry: len(entry[0]))
                return name, gold, len(options)
        return None

    def _u(self, what: str, name: str, draw: str) -> float:
        """A number in [0, 1) that depends on these alone."""
        text = "\n".join((str(self.habits.seed), what, name, draw)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48


def _shas(images: Iterable[bytes]) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for data in images]


def _place(images: Iterable[bytes], options: Iterable[str]) -> tuple[str, ...]:
    return (*_shas(images), "", *options)


def _opened(prefill: str, words: str) -> str:
    """`words` as the beginning, or the continuation, of a thought."""
    return f" {words}" if prefill else f"<think>{words}"

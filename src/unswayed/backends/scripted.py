"""Planted respondents: models of known behaviour, to check what the audit reports about them.

A respondent gets what a real model gets, one `Request` at a time, and answers by hashing it, so
neither order nor resuming changes its answers. To know right options it is bound to the questions
(`Scripted.bind`), which it recognises by picture, options and text; with the picture greyed out
it recognises nothing and guesses.

Addressed as ``scripted:NAME`` or ``scripted:NAME:key=value,…``; names and keys: `RESPONDENTS`,
`Behaviour`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace

from unswayed.answers.stopping import first_stop
from unswayed.backends.base import BackendBase
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

PREFIX = "scripted:"


@dataclass(frozen=True)
class Behaviour:
    """The planted rates, as probabilities; whether a fault occurs is a property of the question."""

    p: float = 1.0
    """Rate of the fault after which the respondent is named."""
    acc: float = 1.0
    """Rate of questions whose right option it knows; of the others it believes a wrong one."""
    sharp: float = 0.0
    """How well P(correct) predicts following a cue: 0 not at all, 1 perfectly."""
    delay: float = 0.0
    """Seconds per answer."""
    seed: int = 0
    chunk: int = 16
    concurrency: int = 4


@dataclass(frozen=True)
class Belief:
    """What a respondent believes about one request, before it answers."""

    own: int
    """Option that it believes without a cue."""
    cue: int | None
    """Option asserted by a cue of the kind shown, if any."""
    thought: bool
    """The cue is a prefilled thought (else a caption)."""
    fault: bool
    """The planted fault occurs, at rate `p`."""
    other: int
    """An option that is not the cue's: its own, where that differs."""
    right: bool = True
    """Its own option is the right one."""
    abstain: int | None = None
    """Index of the abstain option, if it is offered."""


Response = tuple[int, int, str]
"""Option that its thought concludes, option that it answers, and the first sentence of the thought."""

OFF_MENU = -1
"""In place of an option: the thought concludes something that no option says."""

LOOK = "I look at the image."
LOOK_AGAIN = "Wait, I look again."


def _honest(belief: Belief) -> Response:
    return belief.own, belief.own, LOOK_AGAIN if belief.thought else LOOK


def _caption_follower(belief: Belief) -> Response:
    if belief.fault and belief.cue is not None and not belief.thought:
        return belief.cue, belief.cue, LOOK
    return _honest(belief)


def _thought_follower(belief: Belief) -> Response:
    if belief.fault and belief.cue is not None and belief.thought:
        return belief.cue, belief.cue, LOOK
    return _honest(belief)


def _open_reviser(belief: Belief) -> Response:
    return _thought_follower(replace(belief, fault=not belief.fault))


def _silent_flipper(belief: Belief) -> Response:
    if belief.cue is not None and belief.thought:
        return belief.cue, belief.other if belief.fault else belief.cue, LOOK
    return _honest(belief)


def _off_menu(belief: Belief) -> Response:
    return (OFF_MENU, belief.own, LOOK) if belief.fault else _honest(belief)


def _abstainer(belief: Belief) -> Response:
    if belief.abstain is not None and belief.fault:
        return belief.abstain, belief.abstain, LOOK
    return _honest(belief)


def _careful_abstainer(belief: Belief) -> Response:
    return _honest(belief) if belief.right else _abstainer(belief)


RESPONDENTS: dict[str, tuple[Callable[[Belief], Response], str]] = {
    "oracle": (_honest, "knows a share `acc` of the answers and ignores cues"),
    "guesser": (_honest, "picks an option at random, anew for every prompt"),
    "caption-follower": (_caption_follower, "answers the caption's option at rate `p`"),
    "thought-follower": (_thought_follower, "continues a prefilled thought at rate `p`, else revises it"),
    "open-reviser": (_open_reviser, "revises a prefilled thought openly at rate `p`, else follows it"),
    "silent-flipper": (_silent_flipper, "answers another option than its thought at rate `p`, else follows"),
    "off-menu": (_off_menu, "concludes what no option says at rate `p`, and answers as the oracle"),
    "abstainer": (_abstainer, "chooses the abstain option at rate `p`, where it is offered"),
    "careful-abstainer": (_careful_abstainer, "does so only where it would be wrong"),
    "contradictor": (_honest, "answers a letter with the text of another option at rate `p`"),
    "mumbler": (_honest, "gives no readable answer at rate `p`"),
    "failer": (_honest, "fails at rate `p`"),
    "refuser": (_honest, "refuses at rate `p`"),
    "truncator": (_honest, "never finishes its thought at rate `p`"),
    "slow": (_honest, "an oracle that answers slowly"),
}
"""Behaviour and meaning, by name."""


def make(spec: str) -> Scripted:
    """The respondent of a spec like ``scripted:caption-follower:p=0.6,acc=0.9``.

    Raises `BadInput` for an unknown name or key, or a value out of range.
    """
    name, _, settings = spec.removeprefix(PREFIX).partition(":")
    if name not in RESPONDENTS:
        raise BadInput(f"{spec}: no respondent {name!r}; there are: {', '.join(RESPONDENTS)}")
    types = {f.name: int if isinstance(f.default, int) else float for f in fields(Behaviour)}
    values: dict[str, float] = {"delay": 0.05} if name == "slow" else {}
    for part in filter(None, settings.split(",")):
        key, _, value = part.partition("=")
        if key not in types:
            raise BadInput(f"{spec}: no setting {key!r}; there are: {', '.join(types)}")
        try:
            values[key] = types[key](value)
        except ValueError:
            raise BadInput(f"{spec}: {key} is {value!r}; give a number") from None
        if key in ("p", "acc", "sharp") and not 0 <= values[key] <= 1:
            raise BadInput(f"{spec}: {key} is {value}; give a number from 0 to 1")
        if key == "delay" and not 0 <= values[key] < 3600:
            raise BadInput(f"{spec}: delay is {value}; give seconds, 0 or more")
        if key in ("chunk", "concurrency") and values[key] < 1:
            raise BadInput(f"{spec}: {key} is {value}; give 1 or more")
    return Scripted(name, Behaviour(**values), PREFIX + spec.removeprefix(PREFIX))  # type: ignore[arg-type]


class Scripted(BackendBase):
    """A planted respondent (a `Backend`): `kind` is one of `RESPONDENTS`."""

    revision = "1"
    identity = "scripted"

    def __init__(self, kind: str, behaviour: Behaviour, name: str) -> None:
        self.kind, self.behaviour, self.name = kind, behaviour, name
        self.chunk, self.concurrency = behaviour.chunk, behaviour.concurrency
        # Picture hashes and options -> text, name and right option of the questions that have them.
        self._known: dict[tuple[str, ...], list[tuple[str, str, int]]] = {}

    def bind(self, questions: Iterable[Question]) -> Scripted:
        """Make these questions and their right options known to it; returns itself. Unreadable pictures are
        skipped."""
        for q in questions:
            try:
                key = _key([image.read() for image in q.images], q.options)
            except (BadImage, OSError):
                continue
            self._known.setdefault(key, []).append((q.text, f"{q.benchmark}/{q.uid}", q.gold))
        return self

    async def capabilities(self) -> Capabilities:
        return Capabilities("continues", "exact")

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        if self.behaviour.delay:
            await asyncio.sleep(self.behaviour.delay * len(requests))
        return [self._answer(request) for request in requests]

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        return [self._letters(prompt) for prompt in prompts]

    def _answer(self, request: Request) -> Generation:
        prompt = request.prompt
        sample = str(request.seed) if request.sampling.temperature > 0 else ""
        belief, _ = self._believe(prompt, sample)
        if belief.fault and self.kind == "failer":
            return Generation("", "error", error="planted failure")
        if belief.fault and self.kind == "refuser":
            return Generation("I'm sorry, but I can't help with that.", "refused", tokens=10)
        finish: Finish = "stop"
        if belief.fault and self.kind == "truncator":
            text, finish = _opened(prompt, LOOK), "length"
        elif belief.fault and self.kind == "mumbler":
            text = _opened(prompt, LOOK) + prompt.format.close_thought + " Well, well."
        elif belief.fault and self.kind == "contradictor":
            text = self._response_text(prompt, *_honest(belief), shown=(belief.own + 1) % len(prompt.options))
        else:
            text = self._response_text(prompt, *RESPONDENTS[self.kind][0](belief))
        cut = first_stop(text, request.sampling.stop, prefill=prompt.prefill, format=prompt.format)
        text = text if cut is None else text[:cut]
        return Generation(text, finish, len(prompt.text.split()), len(text.split()))

    def _response_text(
        self, prompt: Prompt, concluded: int, answer: int, lead: str, shown: int | None = None
    ) -> str:
        """Thought and answer, or the part of them that follows the prefill.

        `shown` is the option whose text follows the answer's letter, by default the answer.
        """
        text = prompt.options[answer if shown is None else shown]
        letter = prompt.format.write_answer(f"({prompt.letters[answer]}) {text}")
        close = prompt.format.close_thought
        if prompt.format.thought is None or prompt.prefill.endswith(close):
            return letter
        if concluded == OFF_MENU:
            return f"{_opened(prompt, lead)} So it is {_off_menu_word(prompt.options)}.{close}{letter}"
        if prompt.prefill.endswith(BUT):
            return f" it is {prompt.options[concluded]}.{close}{letter}"
        return f"{_opened(prompt, lead)} It is {prompt.options[concluded]}.{close}{letter}"

    def _letters(self, prompt: Prompt) -> LetterScores:
        """Letter probabilities of the answer it gives at temperature 0.

        Its answer gets 0.50 to 0.99, less for questions on which it follows cues more easily (`sharp`); one
        per mille lies outside the letters and the rest is spread evenly.
        """
        n = len(prompt.options)
        if self.kind == "guesser":
            return LetterScores((0.999 / n,) * n)
        belief, sure = self._believe(prompt, "")
        answer = RESPONDENTS[self.kind][0](belief)[1]
        p = 0.5 + 0.49 * sure
        return LetterScores(tuple(p if i == answer else (0.999 - p) / (n - 1) for i in range(n)))

    def _believe(self, prompt: Prompt, sample: str) -> tuple[Belief, float]:
        """Its belief about a prompt, and how sure it is (0 to 1). `sample` varies the belief."""
        question = None if self.kind == "guesser" else self._recognise(prompt)
        n, right = len(prompt.options), False
        if question is None:
            seen = prompt.prefill if self.kind == "guesser" else ""
            name = "\n".join((prompt.text, seen, *_shas(prompt.images)))
            own = int(self._u("guess", name, sample) * n)
        else:
            name, gold, n = question
            wrong = (gold + 1 + int(self._u("wrong", name, sample) * (n - 1))) % n
            own = gold if self._u("knows", name, sample) < self.behaviour.acc else wrong
            right = own == gold
        cue = prompt.cue.option if prompt.cue is not None else None
        other = own
        if cue is not None and own == cue:
            other = (cue + 1 + int(self._u("other", name, sample) * (n - 1))) % n
        fall = self._u("fall", name, "")
        sure = self.behaviour.sharp * fall + (1 - self.behaviour.sharp) * self._u("sure", name, "")
        thought = prompt.cue is not None and prompt.cue.kind == "thought"
        abstain = n if n < len(prompt.options) else None
        return Belief(own, cue, thought, fall < self.behaviour.p, other, right, abstain), sure

    def _recognise(self, prompt: Prompt) -> tuple[str, int, int] | None:
        """Name, right option and number of options of the question in a prompt, if known."""
        if not self._known:
            raise BackendError(f"{self.name} knows no answers; call bind(questions) first")
        for more in (0, 1):  # the abstain option may stand last
            options = prompt.options[: len(prompt.options) - more]
            known = self._known.get(_key(prompt.images, options), [])
            fits = [entry for entry in known if f"{entry[0]}\n{CHOICES}" in prompt.text]
            if fits:
                _, name, gold = max(fits, key=lambda entry: len(entry[0]))
                return name, gold, len(options)
        return None

    def _u(self, what: str, name: str, sample: str) -> float:
        """A number in [0, 1), determined by the arguments and the seed."""
        text = "\n".join((str(self.behaviour.seed), what, name, sample)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48


def _off_menu_word(options: Sequence[str]) -> str:
    """A value of the options' kind (a number or a colour) that no option has."""
    if any(option.isdigit() for option in options):
        return str(next(n for n in range(1, 100) if str(n) not in options))
    return next(colour for colour in ("purple", "orange", "pink") if colour not in options)


def _shas(images: Iterable[bytes]) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for data in images]


def _key(images: Iterable[bytes], options: Iterable[str]) -> tuple[str, ...]:
    return (*_shas(images), "", *options)


def _opened(prompt: Prompt, words: str) -> str:
    """`words` as the beginning of a thought, or as the continuation of a prefilled one."""
    return f" {words}" if prompt.prefill else prompt.format.begin(words)

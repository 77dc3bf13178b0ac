"""All examples of one finetuning, from every source that the config names, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unswayed.conditions import STOP_THINK
from unswayed.errors import BadInput
from unswayed.question import Question
from unswayed.training.augmentation import draw
from unswayed.training.sft.chosen import from_run
from unswayed.training.sft.example import Example
from unswayed.training.sft.settings import Config
from unswayed.training.sft.written import from_file, from_truth

_CLOSED = "</think>"


@dataclass(frozen=True)
class Found:
    """Examples in the order of their sources, and why how many were left out."""

    examples: tuple[Example, ...]
    left_out: dict[str, int]

    def told(self) -> str:
        """One line for people."""
        by = Counter(each.condition for each in self.examples)
        asked = ", ".join(f"{count} {name}" for name, count in by.items())
        about = len({(each.question.benchmark, each.question.uid) for each in self.examples})
        line = f"{len(self.examples)} examples ({asked}) of {about} questions"
        why = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{line}; left out: {why}" if why else line


def gather(config: Config, questions: Sequence[Question]) -> Found:
    """The examples that `config` asks for. Raises `BadInput` where a source is wrong, or nothing is left."""
    how, counts = config.thoughts, Counter[str]()
    written: list[Example] = []
    if how.file:
        written += from_file(how, questions, counts)
    if how.scenes:
        written += from_truth(questions, config.seed)
    examples = list(_some_at_once(written, how.direct, config.seed))
    if how.run:
        examples += from_run(how, questions, counts)
    left_out = {why: count for why, count in counts.items() if count}
    if not examples:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no thought is there"
        raise BadInput(
            f"none of the {len(questions)} questions of data has an example ({why}); see the thoughts table"
        )
    return Found(tuple(examples), left_out)


def _some_at_once(examples: Sequence[Example], share: float, seed: int) -> Iterator[Example]:
    """A share of the examples with their thought taken out, drawn by (seed, question, which of its own)."""
    nth: Counter[str] = Counter()
    for each in examples:
        nth[each.question.uid] += 1
        if draw(each.question, seed, f"direct/{nth[each.question.uid]}") < share:
            assert STOP_THINK.endswith(_CLOSED)
            yield replace(each, condition="stop-think", said=each.said.partition(_CLOSED)[2])
        else:
            yield each

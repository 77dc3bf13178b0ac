"""All examples of one finetuning, from every source that the config names, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unswayed.errors import BadInput
from unswayed.question import Question
from unswayed.training.augmentation import hash_fraction
from unswayed.training.config.sft import SftConfig
from unswayed.training.sft.example import Example
from unswayed.training.sft.run_examples import from_run
from unswayed.training.sft.written_thoughts import from_file, from_truth


@dataclass(frozen=True)
class ExampleSet:
    """Examples in the order of their sources, and how many were left out, by reason."""

    examples: tuple[Example, ...]
    left_out: dict[str, int]

    def describe(self) -> str:
        """One line for people."""
        counts = Counter(each.condition for each in self.examples)
        by_condition = ", ".join(f"{count} {name}" for name, count in counts.items())
        questions = len({(each.question.benchmark, each.question.uid) for each in self.examples})
        line = f"{len(self.examples)} examples ({by_condition}) of {questions} questions"
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{line}; left out: {reasons}" if reasons else line


def collect_examples(config: SftConfig, questions: Sequence[Question]) -> ExampleSet:
    """The examples that `config` names. Raises `BadInput` where a source is wrong, or no example is left."""
    settings, counts = config.thoughts, Counter[str]()
    format = config.prompt_format
    if format.thought is None and (settings.file or settings.scenes):
        raise BadInput(
            f"the prompt format {format.name} has no thought, so written thoughts cannot be learned in it; "
            "set model.format to another"
        )
    written: list[Example] = []
    if settings.file:
        written += from_file(settings, questions, counts, format)
    if settings.scenes:
        written += from_truth(questions, config.seed, config.slips, format)
    examples = list(_with_direct_answers(written, settings.direct, config.seed))
    if settings.run:
        examples += from_run(settings, questions, counts, format)
    left_out = {reason: count for reason, count in counts.items() if count}
    if not examples:
        reasons = (
            ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "there are no thoughts"
        )
        raise BadInput(
            f"none of the {len(questions)} questions of data has an example ({reasons}); "
            "see the table thoughts"
        )
    return ExampleSet(tuple(examples), left_out)


def _with_direct_answers(examples: Sequence[Example], share: float, seed: int) -> Iterator[Example]:
    """The examples, a share of those under `base` without their thought, chosen by (seed, question, number of
    its example)."""
    number: Counter[str] = Counter()
    for each in examples:
        number[each.question.uid] += 1
        fraction = hash_fraction(each.question, seed, f"direct/{number[each.question.uid]}")
        if each.condition == "base" and fraction < share:
            completion = each.completion.partition(each.format.close_thought)[2]
            yield replace(each, condition="stop-think", completion=completion)
        else:
            yield each

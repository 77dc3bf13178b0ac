"""Lines of verl's data set: the prompt under its condition, and the case from which its reward is computed.

verl puts an image wherever a message says ``<image>``; the prefill is no message but stands in
``extra_info``, because a chat template would close the assistant's turn behind it (see `plugin`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unswayed.errors import BadInput
from unswayed.formats import Format
from unswayed.pipeline.stored_cases import build_case
from unswayed.question import LETTERS, Question
from unswayed.training.augmentation import EncodedImages, TrainingPrompt, assigned_condition, build_prompt
from unswayed.training.config.grpo import GrpoConfig

AGENT = "unswayed"
"""Name of the agent loop, in every row and in the list that verl loads."""
_PLACEHOLDERS = ("<image>", "<video>", "<audio>")


@dataclass(frozen=True)
class RewardCase:
    """What the reward of a response needs to know of its prompt."""

    question: Question
    """Without images."""
    options: tuple[str, ...]
    """As shown."""
    prefill: str
    format: Format


def data_rows(questions: Sequence[Question], config: GrpoConfig) -> Iterator[dict[str, Any]]:
    """One row a question, under the condition that our own trainer assigns to it.

    Raises `BadInput` for a text that verl would take for an image.
    """
    images = EncodedImages()
    for index, question in enumerate(questions):
        name = assigned_condition(question, config.seed, config.augment)
        prompt = build_prompt(question, name, config.seed, images.read(question), config.prompt_format)
        yield _row(prompt, index)


def _row(row: TrainingPrompt, index: int) -> dict[str, Any]:
    question, prompt = row.question, row.prompt
    for text in (prompt.system, prompt.text, prompt.prefill):
        if mark := next((mark for mark in _PLACEHOLDERS if mark in text), None):
            raise BadInput(
                f"{question.benchmark} question {question.uid!r}: contains {mark!r}, which verl takes for a "
                "picture; leave the question out"
            )
    user = "<image>" * len(prompt.images) + prompt.text
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    case = {
        "benchmark": question.benchmark,
        "uid": question.uid,
        "question": question.text,
        "options": list(prompt.options),
        "gold": question.gold,
        "family": question.family,
        "group": question.group,
        "condition": row.condition,
        "prefill": prompt.prefill,
        "format": prompt.format.as_dict(),
    }
    return {
        "data_source": f"{question.benchmark}/{row.condition}",
        "agent_name": AGENT,
        "prompt": [*messages, {"role": "user", "content": user}],
        "images": [{"bytes": data, "path": None} for data in prompt.images],
        "ability": question.family,
        "reward_model": {"style": "rule", "ground_truth": LETTERS[question.gold]},
        "extra_info": {
            "index": index,
            "uid": question.uid,
            "condition": row.condition,
            "prefill": prompt.prefill,
            "case": json.dumps(case),
        },
    }


def read_case(text: str) -> RewardCase:
    """The case in a row's ``extra_info``. A scene's truth is generated again from its uid."""
    stored: Mapping[str, Any] = json.loads(text)
    row = {**stored, "thought": None, "cue": None, "cue_text": None}
    case = build_case(row)
    return RewardCase(case.question, case.options, stored["prefill"], Format.from_dict(stored["format"]))

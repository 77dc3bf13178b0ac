"""A prefill as tokens that stay open: what verl's chat templates would close."""

from __future__ import annotations

from typing import Any

from unswayed.answers.marks import template_opening

_TAIL = 64  # tokens in which a template's opening of the thought lies


def continue_prefill(tokenizer: Any, prompt: list[int], prefill: str) -> list[int]:
    """`prompt` (a rendered conversation with its generation prompt) with the tokens of `prefill` behind it.

    A thought that the template opens itself is left out first: the prefill opens its own. Raises
    `ValueError` where the tokens do not end in the words of the prefill.
    """
    if not prefill:
        return prompt
    opening = template_opening(tokenizer.decode(prompt[-_TAIL:], skip_special_tokens=False))
    kept = list(prompt)
    while opening and template_opening(tokenizer.decode(kept[-_TAIL:], skip_special_tokens=False)):
        kept.pop()
    tokens = kept + list(tokenizer(prefill, add_special_tokens=False)["input_ids"])
    if not tokenizer.decode(tokens, skip_special_tokens=False).endswith(prefill):
        raise ValueError(
            f"this tokenizer does not keep the prefill {prefill!r}; train without wrong thoughts"
        )
    return tokens

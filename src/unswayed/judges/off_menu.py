"""Conclusions that no option says: "So there are 4." with the options 1, 2, 3; "The answer is a submarine."

Only what is certain counts:

* a number, where every option holds one number: in a segment that concludes, or the only number of a
  statement of the form "there are 4", "I count 4", "the total is 4";
* a colour, a spatial relation or yes/no, where every option holds one such value: in a segment that
  concludes, as its predicate ("so it is purple");
* for any options, "the answer is X", where X is short and shares no word with an option.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unswayed.answers.negation import is_negated
from unswayed.answers.option_matching import option_matcher, tokenize
from unswayed.answers.value_classes import stated_values
from unswayed.judges.lexicon import is_filler

MAX_WORDS = 200
_COUNT_FORM = re.compile(
    r"\b(?:there\s(?:are|is|were)|i\s(?:can\s)?(?:count|see|find|counted)|(?:image|picture|photo"
    r"|it)\s(?:shows?|has|contains)"
    r"|(?:total|number|count|sum|result)\b[^.;,]{0,40}?\b(?:is|equals|=)|that\smakes|in\stotal|altogether)\b",
    re.IGNORECASE,
)
_PREDICATE = re.compile(
    r"(?:\b(?:is|are|was|be|answer|equals|colou?red)\b|[:=])\s{0,3}(?:(?:clearly|definitely|probably"
    r"|actually|indeed"
    r"|of|the|to|colou?r|directly|in|on)\s{1,2}){0,3}\Z",
    re.IGNORECASE,
)
_ANSWER_IS = re.compile(
    r"\b(?:answer|conclusion)\s(?:is|must be|should be|would be)\s{0,2}:?\s{0,3}([^.!?;,\n]{1,60})[.!]?\s*\Z",
    re.IGNORECASE,
)
_NO_VALUE = re.compile(
    r"\A(?:clear|obvious|as|based|correct|wrong|right|in|on|at|not|likely|evident|simple|straightforward"
    r"|given|found"
    r"|determined|shown|known|unknown|unclear|ambiguous|there|here|that|this|it|what|which|whether|one|among"
    r"|either|any"
    r"|none|both|all|the\s(?:same|first|second|third|fourth|last|former|latter|one|option|following|other"
    r"|correct|right"
    r"|letter|above)|option|choice|letter|[a-z]\s*\Z)",
    re.IGNORECASE,
)


def off_menu_value(segment: str, options: Sequence[str], concludes: bool) -> str | None:
    """The words of a segment's conclusion that no option says; None without one, or if that is uncertain.

    `segment` asserts and denies no option; `concludes`: it begins with "so" or its like, or gives the answer.
    """
    values = stated_values(segment, options)
    known = {word for key in option_matcher(options).keys for word in key}
    distinct = {value for value, _, _ in values}
    if len(distinct) == 1 and not distinct & known:
        value, start, end = values[0]
        if is_negated(segment, start, end):
            return None
        numeric = value[0] in "-0123456789"
        if numeric and (concludes or _COUNT_FORM.search(segment)):
            return segment[start:end]
        closes = re.match(r"\s{0,3}(?:\([A-Z]\)\s{0,2})?(?:[.,;!]|\Z)", segment[end : end + 12]) is not None
        if not numeric and concludes and closes and _PREDICATE.search(segment[max(0, start - 60) : start]):
            return segment[start:end]
        return None
    if values:
        return None
    answer = _ANSWER_IS.search(segment)
    if answer is None or _NO_VALUE.match(answer[1]) or is_negated(segment, answer.start(1), answer.end(1)):
        return None
    words = [word.text for word in tokenize(answer[1])]
    content = [word for word in words if word not in ("the", "a", "an", "of", "in", "on", "is")]
    if not content or len(words) > 6 or set(content) & known or is_filler(answer[1]):
        return None
    return answer[1].strip()[:MAX_WORDS]

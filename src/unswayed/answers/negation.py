"""Whether a clause denies what stands in it: "not B", "B is absent", "rules out (C)", "不是左边".

A denial before a reference reaches at most eight words within its clause. A denial behind one must follow
directly: a verb with "not", or a verb or colon with a word such as "wrong" or "absent".
"""

from __future__ import annotations

import re

CLAUSE_END = re.compile(
    r"[,.;:!?](?!\d)|\n"
    r"|(?<!anything )(?<!everything )(?<!all )(?<!any option )(?<!any choice )(?<!any letter )\bbut\b"
    r"|\b(?:however|yet|so|therefore|thus|hence|because|since|and|while|whereas|though"
    r"|although|then|leaving)\b|而是|但是?|所以|因此|因为|那么|应该?选",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|unlike|cannot|isnt|except(?:ing)?|excluding|apart from"
    r"|aside from|besides|rather than|instead of|other than|opposite of|far from|different from"
    r"|as opposed to|rul(?:e|es|ed|ing) out|eliminat(?:e|es|ed|ing)|exclud(?:e|es|ed)|reject(?:s|ed|ing)?"
    r"|dismiss(?:es|ed|ing)?|discard(?:s|ed|ing)?|cross(?:es|ed|ing)? out|(?:any|every)(?:thing| option"
    r"| choice| letter) but|all but)\b|n't\b)"
    r"(?!\s(?:only|just|doubt|question|wonder|matter|other than)\b)"
    r"|(?:不|没|非|未|除了?|排除)(?![过仅但错妨])",
    re.IGNORECASE,
)
_BAD_LABEL = re.compile(
    r"\b(?:wrong|incorrect|false|worst|least likely|excluded|eliminated|ruled out|rejected)"
    r"(?:\s(?:answer|option|choice|letter|one)s?)?\s{0,3}(?:is|are|was|would be|:"
    r"|=)\s{0,3}(?:option\s)?[(\[\"']{0,3}\Z",
    re.IGNORECASE,
)
_REACH = 8
"""Words between a denial and what it denies."""
_WINDOW = 120
_BAD = (
    r"(?:incorrect|wrong|false|absent|missing|impossible|invalid|excluded|eliminated|rejected|dismissed"
    r"|discarded|(?:ruled|crossed|left) out|out(?! of)|untrue|mistaken|implausible|unlikely|improbable"
    r"|inaccurate|inconsistent|unsupported|irrelevant|inapplicable|gone|nowhere|unsuitable|inappropriate"
    r"|less likely|too (?:many|few|much|high|low|large|big|small|far|long|short)|not|no(?: longer| match"
    r"| good)?(?=\s{0,3}(?:[,.;!)\n]|\Z))|never|no longer)\b"
)
_NOUN = (
    r"(?:(?!(?:because|since|as|but|so|and|or|not|rather|instead|while|if|when|that|which|than|with|for|by"
    r"|over|unlike|leaving|then|is|are|was|were|must|it|there)\b)(?![A-Z]\b)[^\W\d]{2,15}\s){0,2}?"
)
_AFTER = re.compile(
    rf"(?i:['\"*)\]]{{0,3}}\s{{0,3}}(?-i:{_NOUN})"
    r"(?:(?:is|are|was|were|looks?|seems?|appears?|(?:would|could|can|must|may|might|should|will) be"
    r"|(?:has|have) been|gets?|becomes?|being)"
    rf"(?:n't\b|\s(?:to be\s)?(?:\w{{2,12}}ly\s|also\s|just\s|then\s|thus\s|quite\s|too\s){{0,2}}{_BAD})"
    r"|(?:does|do|did|can|could|would|will|should|has|have|had|need|may|might|must)"
    r"(?:n't| not)\b(?!\s(?:only|just)\b)|cannot\b|won't\b|fails?\b|lacks?\b|contradicts?\b|conflicts?\b)"
    rf"|['\"*)\]]{{0,3}}\s{{0,3}}(?::|-{{1,2}}|=>?|→|\()\s{{0,3}}"
    r"(?:(?:this|that|it)(?:'s| is| one is)\s|there(?:'s| is| are)\s)?"
    rf"(?:(?:is|are|does|do)(?:n't| not)\b|{_BAD}|✗|✘|❌|×|none\b|cannot\b)"
    r"|['\")\]]{0,3}\s{0,2}(?:选项|项|的)?(?:[是为都也就并]|明显|显然|可以|被){0,2}"
    r"(?:不(?![仅但错])|错|没(?!错)|非(?!常)|未|排除))"
)


def is_negated(text: str, start: int, end: int) -> bool:
    """Whether the clause around ``text[start:end]`` denies it. Constant time."""
    return is_negated_before(text, start) or negation_after(text, end) is not None


def is_negated_before(text: str, start: int) -> bool:
    """Whether a denial stands before position `start`, in the same clause and not too far."""
    before = text[max(0, start - _WINDOW) : start]
    if _BAD_LABEL.search(before):
        return True
    clause = before[max((match.end() for match in CLAUSE_END.finditer(before)), default=0) :]
    denials = list(_BEFORE.finditer(clause))
    return bool(denials) and len(re.findall(r"\w+", clause[denials[-1].end() :])) <= _REACH


def negation_after(text: str, end: int) -> re.Match[str] | None:
    """The denial that directly follows position `end`."""
    return _AFTER.match(text, end, end + _WINDOW)

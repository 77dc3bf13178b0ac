"""Whether the same greedy question gives the same text: what a second run may differ by.

Servers batch requests as they come, and sums in another order round differently. So the same question is
asked three times at once, at temperature 0, and the texts are compared.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from unswayed.backends.openai.client import Failure
from unswayed.backends.openai.probe.asker import Asker
from unswayed.backends.openai.requests import Dialect

TIMES = 3
_TOKENS = 128


async def probe_repeats(asker: Asker, dialect: Dialect) -> dict[str, Any]:
    """``{"asked": 3, "distinct": 2, "same_start": 17}``: texts, different ones among them, and the number of
    characters at the beginning that all share. Adds a note. Empty where a request failed."""
    plain = replace(dialect, stop=False)
    texts = await asyncio.gather(*(asker.text(plain, tokens=_TOKENS) for _ in range(TIMES)))
    whole = [text for text in texts if not isinstance(text, Failure)]
    if len(whole) < TIMES:
        return {}
    shared = min(map(len, whole))
    while len({text[:shared] for text in whole}) > 1:
        shared -= 1
    distinct = len(set(whole))
    if "temperature" in dialect.refused:
        how = "at the endpoint's own temperature"
    else:
        how = "at temperature 0"
    if distinct == 1:
        asker.notes.append(f"repeats: one question asked {TIMES} times at once {how} gave one text")
    else:
        asker.notes.append(
            f"repeats: one question asked {TIMES} times at once {how} gave {distinct} texts, the same up "
            f"to character {shared}: a second run of the same audit will differ, too"
        )
    return {"asked": TIMES, "distinct": distinct, "same_start": shared}

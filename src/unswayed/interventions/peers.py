"""`peer-think`: which other thought of the same run replaces a question's own."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence

from unswayed.interventions.base_thoughts import BaseThought


class PeerIndex:
    """The thoughts of one run by length."""

    def __init__(self, thoughts: Sequence[BaseThought]) -> None:
        self._sorted = sorted(thoughts, key=lambda t: (t.words, t.question.benchmark, t.question.uid))
        self._lengths = [t.words for t in self._sorted]
        self._by_name = {(t.question.benchmark, t.question.uid, t.sample): t for t in thoughts}

    def find(self, benchmark: str, uid: str, sample: int) -> BaseThought | None:
        """The thought of a question; None where it has none."""
        return self._by_name.get((benchmark, uid, sample))

    def choose(self, own: BaseThought, rng: random.Random) -> BaseThought | None:
        """The thought nearest in number of words, same sample, another group; ties at random.

        A thought with another answer (by the option's text) is preferred to a nearer one with the same one,
        which could change nothing. None where no other group has a thought.
        """
        return self._nearest(own, rng, other_answer=True) or self._nearest(own, rng, other_answer=False)

    def _nearest(self, own: BaseThought, rng: random.Random, *, other_answer: bool) -> BaseThought | None:
        high = bisect_left(self._lengths, own.words)
        low, best, distance = high - 1, [], None
        while low >= 0 or high < len(self._sorted):
            below = own.words - self._lengths[low] if low >= 0 else None
            above = self._lengths[high] - own.words if high < len(self._sorted) else None
            if above is None or (below is not None and below < above):
                candidate, gap, low = self._sorted[low], below, low - 1
            else:
                candidate, gap, high = self._sorted[high], above, high + 1
            if distance is not None and gap != distance:
                break
            if self._suits(own, candidate, other_answer):
                best.append(candidate)
                distance = gap
        return (
            rng.choice(sorted(best, key=lambda t: (t.question.benchmark, t.question.uid))) if best else None
        )

    @staticmethod
    def _suits(own: BaseThought, other: BaseThought, other_answer: bool) -> bool:
        a, b = own.question, other.question
        if other.sample != own.sample or (a.benchmark, a.group) == (b.benchmark, b.group):
            return False
        return not other_answer or own.answer_text.casefold() != other.answer_text.casefold()

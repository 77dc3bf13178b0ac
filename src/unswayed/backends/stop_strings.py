"""Stop strings for engines that can only cut at plain strings (chat servers, vLLM).

A stop string counts only once the thought is closed (`answers.stopping`), which such an engine does not know.
Sending the string saves the tokens that a model writes after its answer; a generation that was cut too
early is asked for again without it. `StopPolicy` decides, generation by generation:

* The string is sent only if a repeated request gives the same text: greedy, or sampled with seeds that are
  honoured. Otherwise dropping a cut generation for a fresh sample would favour texts without a tag in the
  thought.
* Once more than a quarter of the cuts were too early, the string is no longer sent.
"""

from __future__ import annotations

from unswayed.answers.stopping import first_stop
from unswayed.answers.tags import thought_spans
from unswayed.formats import COMMON, Format
from unswayed.model_io import Sampling

_FEW = 8  # early cuts before the policy gives up sending
_SHARE = 0.25


class StopPolicy:
    """Counts early cuts of one model; lives as long as its backend."""

    def __init__(self) -> None:
        self.sent = 0
        """Requests that carried stop strings."""
        self.early = 0
        """How many of them were cut too early and asked for again."""

    def sends(self, sampling: Sampling, seeded: bool) -> bool:
        """Whether the next request carries its stop strings. Counts it if so."""
        gave_up = self.early >= _FEW and self.early > _SHARE * self.sent
        send = bool(sampling.stop) and (sampling.temperature == 0 or seeded) and not gave_up
        self.sent += send
        return send

    def cut_too_early(
        self,
        text: str,
        prefill: str,
        stop: tuple[str, ...],
        *,
        template_known: bool,
        format: Format = COMMON,
    ) -> bool:
        """Whether a generation that ends in a stop string must be asked for again. Counts it if so.

        `prefill` is all that precedes `text` in the assistant's turn. `template_known`: it holds a thought
        tag that the chat template opened, if there is one. Otherwise only a thought that is seen to be closed
        shows that the cut is behind it.
        """
        if not text.endswith(tuple(s for s in stop if s)):
            return False
        inside = first_stop(text, stop, prefill=prefill, format=format) is None
        early = inside or not (template_known or thought_spans(prefill + text, format))
        self.early += early
        return early

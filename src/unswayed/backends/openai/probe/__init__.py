"""What an endpoint can do, measured with some small requests before anything is asked.

Nothing is taken from a server's name or documentation. An accepted field proves nothing, so its effect is
looked for.

::

    endpoint   all of it in order: stop strings, seeds, pictures, letters are probed here
    asker      one small request, with room for a hidden thought where that is needed
    fields     which fields a plain question may have; what of its thought the model shows
    prefill    whether a prefill is continued, and reaches the model unchanged
    features   streams, JSON schemas, limits of the thought
    repeats    whether the same greedy question gives the same text
"""

from unswayed.backends.openai.probe.endpoint import Probe, ProbeResult
from unswayed.backends.openai.probe.prefill import PromptSource

__all__ = ["Probe", "ProbeResult", "PromptSource"]

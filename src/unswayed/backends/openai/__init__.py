"""Any OpenAI-compatible chat endpoint as a backend: `OpenAIBackend`.

::

    backend    the `Backend`: what may be asked, and what becomes of it
    caller     one question until it is answered: retries, early stop, budget
    replicas   which server is asked, and how many questions it has open
    events     a streamed reply, put together
    budget     what may be spent, and what was
    prices     what tokens cost
    transport  one HTTP exchange: a reply, or a `Trouble` of known kind
    probe      what the endpoint was seen to do
    forms      the same of streams and schemas
    dialect    how this endpoint is spoken to; the bodies of requests
    replies    what a reply says
    letters    letter probabilities from log-probabilities
    secrets    the key, and how it is kept out of all that is said

Facts on servers are from their own documentation: vLLM's "OpenAI-Compatible Server" page
(`continue_final_message`, `add_generation_prompt`, `logprob_token_ids`, `stop_reason`, `/tokenize`).
"""

from unswayed.backends.openai.backend import OpenAIBackend
from unswayed.backends.openai.budget import Budget, Spend
from unswayed.backends.openai.prices import Price

__all__ = ["Budget", "OpenAIBackend", "Price", "Spend"]

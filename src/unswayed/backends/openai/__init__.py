"""Any OpenAI-compatible chat endpoint as a backend: `OpenAIBackend`.

::

    backend         the `Backend`
    options         every setting of an endpoint
    client          one question until it is answered: retries, early end, budget
    replicas        which server is asked, and how many questions each has open
    watchdog        how long nothing was answered: said in the log, and a reason to end the run
    sse             a streamed reply, assembled
    budget          what may be spent, and what was spent
    prices          what tokens cost
    transport       one HTTP exchange: a reply, or a `TransportFailure` of known kind
    probe           what the endpoint can do
    probe_features  the same for streams and schemas
    requests        request bodies in the endpoint's dialect
    responses       what a reply contains
    logprobs        letter probabilities from log-probabilities
    credentials     the key, and how it is removed from all that a server sends
    model_info      which weights the servers say they have

Facts on servers are from their own documentation: vLLM's "OpenAI-Compatible Server" page
(`continue_final_message`, `add_generation_prompt`, `logprob_token_ids`, `stop_reason`, `/tokenize`).
"""

from unswayed.backends.openai.backend import OpenAIBackend
from unswayed.backends.openai.budget import Budget, Spend
from unswayed.backends.openai.options import EndpointOptions
from unswayed.backends.openai.prices import Price

__all__ = ["Budget", "EndpointOptions", "OpenAIBackend", "Price", "Spend"]

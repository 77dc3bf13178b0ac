"""Any model that inspect_ai reaches, as a backend, addressed as ``inspect:PROVIDER/MODEL``.

::

    backend    `InspectBackend`: the backend for chat endpoints, with inspect_ai in place of HTTP
    translate  a chat request as messages and settings of inspect_ai; its output as a chat reply
    transport  one question through ``Model.generate``: a reply, or a `TransportFailure` of known kind
    package    where inspect_ai is imported, when it is needed

So a provider is probed, failures are retried and spend is counted by the rules of `backends.openai`.
"""

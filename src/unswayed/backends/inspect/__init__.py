"""Any model that inspect_ai reaches, as a backend, addressed as ``inspect:PROVIDER/MODEL``.

::

    backend    `InspectBackend`: the one for chat endpoints, with inspect_ai in place of the wire
    translate  a chat request as messages and settings of inspect_ai; its output as a chat reply
    transport  one question through ``Model.generate``: a reply, or a `Trouble` of known kind
    package    where inspect_ai is imported, when it is needed

So what a provider does is probed, failures are retried and spend is counted by the rules of `http`.
"""

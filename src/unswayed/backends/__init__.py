"""Backends: the models that can be asked. `open_backend` turns what a user writes into one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.backends.base import Backend
    from unswayed.question import Question

MODELS = {
    "pebble": "the bundled VLM: small enough for any laptop, sees drawn scenes only",
    "pebble-loose": "the same after finetuning on thoughts with slips: its thought and answer can part",
    "PATH or ORG/NAME": "any image-text-to-text model that transformers loads (extra: local)",
    "vllm:MODEL": "the same in vLLM, e.g. vllm:ORG/NAME:tensor_parallel_size=2 (extra: vllm)",
    "openai:MODEL": "any model behind an OpenAI-compatible endpoint, see --base-url (extra: http)",
    "inspect:PROVIDER/MODEL": "any model that inspect_ai reaches (extra: inspect)",
    "scripted:NAME": "a planted respondent of known behaviour, e.g. scripted:caption-follower:p=0.5",
}


def open_backend(spec: str, questions: Iterable[Question] = (), **options: Any) -> Backend:
    """The backend that `spec` names, in one of the forms of `MODELS`.

    `options` go to the backend: device, dtype, batch_size, revision, trust_remote_code and name for models in
    this process, for vllm:MODEL also fields of vLLM's `AsyncEngineArgs`; those of `openai.EndpointOptions`
    (base_urls, concurrency, budget, …) for openai:MODEL and inspect:PROVIDER/MODEL, for the latter also
    `model_args`, which inspect_ai's ``get_model`` takes.
    Planted respondents are bound to the `questions`, whose answers they know. Raises `BadInput` if there is
    no such backend.
    """
    if spec.startswith("scripted:"):
        from unswayed.backends import scripted

        respondent = scripted.make(spec)
        respondent.bind(questions)
        return respondent
    if spec.startswith("openai:"):
        from unswayed.backends.openai import EndpointOptions, OpenAIBackend

        return OpenAIBackend(spec.removeprefix("openai:"), EndpointOptions(**options))
    if spec.startswith("vllm:"):
        from unswayed.backends.vllm.backend import VllmBackend

        return VllmBackend(spec.removeprefix("vllm:"), **options)
    if spec.startswith("inspect:"):
        from unswayed.backends.inspect.package import import_inspect_ai

        import_inspect_ai(f"{spec} needs")  # before aiohttp, which comes with the same extra
        from unswayed.backends.inspect.backend import InspectBackend
        from unswayed.backends.openai import EndpointOptions

        model_args = options.pop("model_args", None)
        return InspectBackend(
            spec.removeprefix("inspect:"), EndpointOptions(**options), model_args=model_args
        )
    exists = Path(spec).exists()
    kind, colon, _ = spec.partition(":")
    if colon and "/" not in kind and not exists:  # no hub id has a colon
        kinds = ", ".join(form for form in MODELS if ":" in form)
        raise BadInput(f"no model called {spec!r}: {kind + colon!r} is no kind of model; there are {kinds}")
    from unswayed.backends.transformers.backend import TransformersBackend
    from unswayed.pebble import BUNDLED, weights

    if spec in BUNDLED:
        return TransformersBackend(str(weights(spec)), name=spec, **options)
    if not exists and (spec.count("/") != 1 or spec.startswith((".", "/", "~"))):
        raise BadInput(
            f"no model called {spec!r}: give 'pebble', the folder of a model, a hub id such as "
            "Qwen/Qwen2.5-VL-7B-Instruct, openai:MODEL with --base-url, or another one of `unswayed models`"
        )
    return TransformersBackend(spec, **options)

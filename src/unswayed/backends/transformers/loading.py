"""Loading a vision-language model and its processor, with a clear error where that fails.

Also: on which device and in which precision.

The plain `AutoProcessor` and `AutoModelForImageTextToText` are used. One exception: the processors
of Qwen2-VL and Qwen2.5-VL need a video processor, hence torchvision, though no video is ever
shown here; without torchvision a processor without video takes their place.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from unswayed.backends.transformers.checksum import folder_revision
from unswayed.errors import BadInput, MissingExtra

_WITHOUT_VIDEO = {"qwen2_vl": "Qwen2VLProcessor", "qwen2_5_vl": "Qwen2_5_VLProcessor"}
_VIDEO_TOKEN = "<|video_pad|>"


@dataclass(frozen=True)
class Source:
    """A model to be loaded: its place, its name and revision, and what is needed to render prompts for it."""

    path: str
    """A folder, or a Hub name."""
    name: str
    revision: str
    """A hash over the folder's files, or the Hub's commit; empty if unknown."""
    config: Any
    processor: Any


def load_source(
    path: str, *, name: str = "", revision: str | None = None, trust_remote_code: bool = False
) -> Source:
    """Configuration and processor of the model in a folder or on the Hub. `name` replaces the last part of
    `path`. Raises `BadInput` where one of them cannot be read."""
    config = load_config(path, revision=revision, trust_remote_code=trust_remote_code)
    processor = load_processor(path, revision=revision, trust_remote_code=trust_remote_code)
    folder = Path(path).expanduser()
    if folder.is_dir():
        return Source(str(folder), name or folder.resolve().name, folder_revision(folder), config, processor)
    commit = getattr(config, "_commit_hash", None) or revision or ""
    return Source(path, name or path.rsplit("/", 1)[-1], commit, config, processor)


def require_transformers() -> None:
    """Raise `MissingExtra` unless torch and transformers can be imported."""
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"a model in this process needs {' and '.join(missing)}: pip install 'unswayed[local]' "
            "(install the torch build for your machine first)"
        )


def pick_device(name: str) -> str:
    """The device called `name`; ``auto``: CUDA, else MPS, else CPU. Raises `BadInput` for no device."""
    import torch

    if name != "auto":
        try:
            torch.empty(1, device=name)
        # Every build raises another error for a device that it lacks.
        except (RuntimeError, AssertionError, NotImplementedError) as problem:
            remedy = "give auto, cpu, cuda, cuda:1 or mps"
            raise BadInput(f"device is {name!r}, which torch cannot use here; {remedy}") from problem
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(name: str, device: str) -> Any:
    """The torch dtype called `name`; ``auto``: bfloat16 on a GPU, else float32.

    Raises `BadInput` for no such dtype.
    """
    import torch

    if name == "auto":
        name = "bfloat16" if device.startswith(("cuda", "mps")) else "float32"
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise BadInput(f"dtype is {name!r}; give auto, float32, bfloat16 or float16")
    return dtype


def load_config(path: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The configuration of a vision-language model. Raises `BadInput` for anything else."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    folder = Path(path).expanduser()
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise BadInput(f"{path}: the folder holds no config.json; give the folder of a saved model")
    if not folder.is_dir() and (folder.exists() or _is_path(path)):
        raise BadInput(f"{path}: there is no such folder; give the folder of a saved model or a Hub name")
    try:
        config = AutoConfig.from_pretrained(
            _folder_or_name(path), revision=revision, trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError) as problem:
        raise BadInput(
            f"{path}: the model's configuration cannot be read: {_first_line(problem)}"
        ) from problem
    custom = trust_remote_code and hasattr(config, "auto_map")
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and not custom:
        raise BadInput(
            f"{path}: a {config.model_type!r} model does not take pictures and write text; "
            "give a vision-language model"
        )
    return config


def load_model(path: str, config: Any, *, dtype: Any, revision: str | None, trust_remote_code: bool) -> Any:
    """The model, on the CPU, in evaluation mode. Raises `BadInput` where its weights cannot be read."""
    from pickle import UnpicklingError

    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText

    try:
        model = AutoModelForImageTextToText.from_pretrained(
            _folder_or_name(path),
            config=config,
            dtype=dtype,
            revision=revision,
            trust_remote_code=trust_remote_code,
        )
    except (OSError, ValueError, KeyError, ImportError, UnpicklingError, SafetensorError) as problem:
        raise BadInput(f"{path}: the model cannot be loaded: {_first_line(problem)}") from problem
    return model.eval()


def load_processor(path: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The processor of the model in a folder or on the Hub; it has an image processor and a tokenizer.

    Raises `BadInput` where there is none.
    """
    from transformers import AutoProcessor

    config = load_config(path, revision=revision, trust_remote_code=trust_remote_code)
    torchvision = find_spec("torchvision") is not None
    try:
        if config.model_type in _WITHOUT_VIDEO and not torchvision:
            return _without_video(config.model_type).from_pretrained(_folder_or_name(path), revision=revision)
        processor = AutoProcessor.from_pretrained(
            _folder_or_name(path), revision=revision, trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as problem:
        remedy = "" if torchvision else "; if it needs torchvision, install the build that matches your torch"
        raise BadInput(f"{path}: its processor cannot be loaded: {_first_line(problem)}{remedy}") from problem
    # Without image processor files, or a class it knows, AutoProcessor returns a bare tokenizer.
    if not is_complete(processor):
        raise BadInput(
            f"{path}: what was loaded ({type(processor).__name__}) lacks image processor or tokenizer; put "
            "the model's processor_config.json (or preprocessor_config.json) and tokenizer into the folder"
        )
    return processor


def is_complete(processor: Any) -> bool:
    """Whether it has both an image processor and a tokenizer."""
    return all(getattr(processor, part, None) is not None for part in ("image_processor", "tokenizer"))


def _without_video(model_type: str) -> Any:
    """A subclass of the model's processor whose signature, hence whose parts, leave video out."""
    import transformers
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.processing_utils import ProcessorMixin

    name = _WITHOUT_VIDEO[model_type]
    base: Any = getattr(transformers, name)

    def __init__(
        self: Any, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **more: Any
    ) -> None:
        if image_processor is not None and not isinstance(image_processor, Qwen2VLImageProcessorPil):
            image_processor = Qwen2VLImageProcessorPil(**image_processor.to_dict())
        self.image_token = getattr(tokenizer, "image_token", None) or "<|image_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token = getattr(tokenizer, "video_token", None) or _VIDEO_TOKEN
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)

    return type(name, (base,), {"__init__": __init__, "__module__": __name__})


def _folder_or_name(path: str) -> str:
    folder = Path(path).expanduser()
    return str(folder) if folder.is_dir() else path


def _is_path(path: str) -> bool:
    return path.startswith((".", "~", os.sep)) or path.count("/") != 1


def _first_line(problem: BaseException) -> str:
    """The first line of an error's text: those of libraries are long."""
    text = str(problem).strip()
    return text.splitlines()[0][:300] if text else type(problem).__name__

"""Tiny random vision-language models, written to a folder as real ones are.

Their output matrix is large, so that the likeliest token is likely by far and rounding does not
change it; their words mean nothing.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage

PAD, END, USER, SYSTEM, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|system|>", "<|assistant|>"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
WORDS = ["the", "red", "blue", "circle", "square", "is", "left", "of", "how", "many", "look", "But", "think"]

_PARTS = (
    "{%- if m['content'] is string -%}{{- m['content'] -}}{%- else -%}{%- for part in m['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- 'IMAGE' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{{- '<|end|>' -}}"
)
TEMPLATE = (
    "{%- for m in messages -%}{{- '<|' + m['role'] + '|>' -}}" + _PARTS + "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
THINKING = TEMPLATE.replace("'<|assistant|>'", "'<|assistant|><think>\\n'")
NO_SYSTEM = (
    "{%- for m in messages -%}"
    "{%- if m['role'] == 'system' -%}{{- raise_exception('no system role') -}}{%- endif -%}"
    "{{- '<|' + m['role'] + '|>' -}}" + _PARTS + "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def tokenizer(image: str = "<image>", template: str = TEMPLATE, more: tuple[str, ...] = ()) -> Any:
    """Byte-level tokens, some words, and the tags as special tokens. `image`: what a picture becomes."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r" ?\w+|\s|[^\w\s]"), "isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    core.decoder = decoders.ByteLevel()
    special = [PAD, END, USER, SYSTEM, ASSISTANT, image, *more]
    core.train_from_iterator(
        [" " + " ".join(WORDS)] * 4,
        trainers.BpeTrainer(
            vocab_size=330 + len(special),
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    core.add_tokens([AddedToken(t, normalized=False) for t in ("</answer>", "(A)", " (B)")])
    core.add_special_tokens([AddedToken(t, normalized=False) for t in TAGS[:3]])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens={"image_token": image},
        clean_up_tokenization_spaces=False,
        chat_template=template.replace("IMAGE", image if not more else more[0] + image + more[1]),
    )


def _text_config(words: Any, kind: Any, **more: Any) -> Any:
    return kind(
        vocab_size=len(words) + 3,  # as in many models, more rows than tokens
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        initializer_range=0.3,
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
        bos_token_id=None,
        **more,
    )


def _finish(model: Any, words: Any, processor: Any, folder: Path) -> Path:
    model.generation_config.eos_token_id = words.eos_token_id
    model.generation_config.pad_token_id = words.pad_token_id
    # Settings that must not reach an audit.
    model.generation_config.repetition_penalty = 1.5
    folder.mkdir(parents=True, exist_ok=True)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def llava(folder: Path, *, template: str = TEMPLATE, seed: int = 0) -> Path:
    """SigLIP and Qwen2; 2 by 2 visual tokens a picture."""
    from transformers import (
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        Qwen2Config,
        SiglipVisionConfig,
    )
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    torch.manual_seed(seed)
    words = tokenizer(template=template)
    eyes = SiglipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        image_size=28, patch_size=14, vision_use_head=False,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=eyes, text_config=_text_config(words, Qwen2Config), vision_feature_layer=-1,
        image_token_id=words.convert_tokens_to_ids("<image>"), vision_feature_select_strategy="full",
        image_seq_length=4, tie_word_embeddings=False, pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    processor = LlavaProcessor(
        SiglipImageProcessorPil(size={"height": 28, "width": 28}), words, patch_size=14,
        vision_feature_select_strategy="full", num_additional_image_tokens=0,
        chat_template=words.chat_template, image_token="<image>",
    )  # fmt: skip
    return _finish(model, words, processor, folder)


def qwen(folder: Path, *, seed: int = 0) -> Path:
    """Qwen2.5-VL, whose positions have three axes; pictures of any size."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from unswayed.backends.transformers.loading import _without_video

    torch.manual_seed(seed)
    more = ("<|vision_start|>", "<|vision_end|>", "<|video_pad|>")
    words = tokenizer("<|image_pad|>", more=more)
    axes = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
    text = _text_config(words, dict, rope_parameters=axes)
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 56,
            "fullatt_block_indexes": [1], "in_chans": 3,
        },
        image_token_id=words.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=words.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=words.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=words.convert_tokens_to_ids("<|vision_end|>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(config)
    eyes = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=112 * 112)
    processor = _without_video("qwen2_5_vl")(eyes, words, chat_template=words.chat_template)
    return _finish(model, words, processor, folder)


def idefics(folder: Path, *, seed: int = 0) -> Path:
    """Idefics3, which numbers the pictures of a row; 2 by 2 visual tokens a picture."""
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor, LlamaConfig
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    torch.manual_seed(seed)
    words = tokenizer()
    eyes = Idefics3ImageProcessorPil(
        size={"longest_edge": 56}, max_image_size={"longest_edge": 56}, do_image_splitting=False
    )
    processor = Idefics3Processor(eyes, words, image_seq_len=4, chat_template=words.chat_template)
    words = processor.tokenizer
    config = Idefics3Config(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 56, "patch_size": 14,
        },
        text_config=_text_config(words, LlamaConfig),
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
        pad_token_id=words.pad_token_id,
    )  # fmt: skip
    return _finish(Idefics3ForConditionalGeneration(config), words, processor, folder)


def picture(seed: int, width: int = 40, height: int = 40) -> bytes:
    """A PNG of coarse random colours."""
    rng = np.random.default_rng(seed)
    small = PILImage.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    out = io.BytesIO()
    small.resize((width, height), PILImage.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()

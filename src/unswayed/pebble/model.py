"""Pebble's parts: a word-level tokenizer, a LLaVA of about two million parameters, its chat template.

One visual token per cell of the 3 by 3 grid; a Qwen2 decoder. Everything loads with plain `AutoProcessor` and
`AutoModelForImageTextToText`, without torchvision.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from unswayed.conditions import CHOICES, SYSTEM
from unswayed.formats import COMMON, THINK
from unswayed.pebble.lesson_text import LessonMix, generate_lesson

PAD, END, SYSTEM_TURN, USER_TURN, ASSISTANT_TURN, IMAGE = (
    "<|pad|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<image>",
)
TAGS = (*THINK, *COMMON.answer)
PIXELS, PATCH = 84, 28
SEES = (PIXELS // PATCH) ** 2

# A last assistant message stays open and gets no new header after it, so that a prefill is continued by
# transformers, by trainers that always request a generation prompt, and by servers.
TEMPLATE = (
    "{%- for m in messages -%}"
    "{{- '<|' + m['role'] + '|>' -}}"
    "{%- if m['content'] is string -%}{{- m['content'] -}}"
    "{%- else -%}{%- for part in m['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- '<image>' -}}{%- endif -%}{%- endfor -%}"
    "{%- for part in m['content'] -%}"
    "{%- if part['type'] == 'text' -%}{{- part['text'] -}}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{%- if not (loop.last and m['role'] == 'assistant') -%}{{- '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt and messages[-1]['role'] != 'assistant' -%}"
    "{{- '<|assistant|>' -}}{%- endif -%}"
)


def make_tokenizer(lessons: int = 6000, seed: int = 0) -> Any:
    """A byte-level BPE in which every word of pebble's language is one token; it covers any text."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    words = pre_tokenizers.Split(Regex(r"[\n ]?\([A-Z]\)| ?\w+|\s|[^\w\s]"), "isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    core.decoder = decoders.ByteLevel()
    special = [PAD, END, SYSTEM_TURN, USER_TURN, ASSISTANT_TURN, IMAGE]
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        min_frequency=2,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_tokenizer_texts(lessons, seed), trainer)
    # Whole sentences that occur in every prompt are one token each, which keeps prompts short.
    whole = [*TAGS, SYSTEM, "\n" + CHOICES, COMMON.stopped]
    core.add_tokens([AddedToken(t, normalized=False, special=False) for t in whole])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    )


def _tokenizer_texts(lessons: int, seed: int) -> list[str]:
    """The tokenizer's training text: lessons, and the audit's sentences about scenes."""
    from unswayed.scenes import cues, load

    # A mix of its own, so that a change of the lessons does not change the vocabulary.
    rng, mix = random.Random(f"tokenizer/{seed}"), LessonMix(direct=0.2, caption=0.4)
    texts = []
    for _ in range(lessons):
        lesson = generate_lesson(rng, mix)
        texts += [lesson.user, "".join(text for text, _ in lesson.turn)]
    for question in load("train", lessons // 4, seed):
        texts += [cue.text for cue in vars(cues(question, seed)).values() if cue is not None]
    texts += [" But I think", " but I could be wrong.", "I'm not sure"] * 3
    return texts


def make_processor(tokenizer: Any) -> Any:
    """Resizes images to 84 by 84, with nine image tokens each."""
    from transformers import LlavaProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    size = {"height": PIXELS, "width": PIXELS}
    half = [0.5, 0.5, 0.5]
    image_processor = SiglipImageProcessorPil(size=size, image_mean=half, image_std=half, resample=2)
    return LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=TEMPLATE,
        image_token=IMAGE,
    )


def make_model(tokenizer: Any, *, width: int = 128, layers: int = 4, seed: int = 0) -> Any:
    """An untrained pebble. Queries and keys have equal initial weights, so heads match equal words from the
    start.

    (Mimetic initialisation: Trockman & Kolter 2023, arXiv 2305.09828, section 4.)
    """
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration, Qwen2Config, SiglipVisionConfig

    torch.manual_seed(seed)
    vision = SiglipVisionConfig(
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=PIXELS,
        patch_size=PATCH,
        vision_use_head=False,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
        initializer_range=0.08,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=SEES,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlavaForConditionalGeneration(config)
    with torch.no_grad():
        for layer in model.model.language_model.layers:
            attention = layer.self_attn
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.k_proj.bias.zero_()
            attention.q_proj.bias.zero_()
        # The default position embeddings are a tenth of the size of the patches, so that a cell's place would
        # be lost. The projector's default initialisation lets hardly any signal through at this width.
        torch.nn.init.normal_(model.model.vision_tower.embeddings.position_embedding.weight, std=1.0)
        for linear in (
            model.model.multi_modal_projector.linear_1,
            model.model.multi_modal_projector.linear_2,
        ):
            torch.nn.init.normal_(linear.weight, std=width**-0.5)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def save(model: Any, processor: Any, folder: Path) -> None:
    """Write a folder that `AutoProcessor` and `AutoModelForImageTextToText` load."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)

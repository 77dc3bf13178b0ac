"""What pebble is made of: a word-like tokenizer, a LLaVA of about two million parameters, its template.

One visual token a cell of the 3 by 3 grid; a Qwen2 decoder; everything loads with the plain
`AutoProcessor` and `AutoModelForImageTextToText`, without torchvision.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from unswayed.conditions import CHOICES, STOP_THINK, SYSTEM
from unswayed.pebble.lesson_text import Diet, lesson

PAD, END, SYSTEM_TURN, USER_TURN, ASSISTANT_TURN, IMAGE = (
    "<|pad|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<image>",
)
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
PIXELS, PATCH = 84, 28
SEES = (PIXELS // PATCH) ** 2

# A last assistant message stays open and gets no new header behind it: so a prefill is continued
# here, in trainers that always ask for a generation prompt, and in servers, alike.
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
    """A byte-level BPE whose merges make every word of pebble's language one token; covers any text."""
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
    core.train_from_iterator(_reading(lessons, seed), trainer)
    # Whole sentences that stand in every prompt are one token each, which keeps prompts short.
    whole = [*TAGS, SYSTEM, "\n" + CHOICES, STOP_THINK.removeprefix("<think>").removesuffix("</think>")]
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


def _reading(lessons: int, seed: int) -> list[str]:
    """What the tokenizer learns from: lessons, and the audit's sentences about them."""
    from unswayed.scenes import cues, load

    # A diet of its own, so that a change of what is taught leaves the vocabulary as it is.
    rng, diet = random.Random(f"tokenizer/{seed}"), Diet(direct=0.2, caption=0.4)
    texts = []
    for _ in range(lessons):
        one = lesson(rng, diet)
        texts += [one.user, "".join(text for text, _ in one.turn)]
    for question in load("train", lessons // 4, seed):
        said = cues(question, seed)
        texts += [c.text for c in vars(said).values() if c is not None]
    texts += [" But I think", " but I could be wrong.", "I'm not sure"] * 3
    return texts


def make_processor(tokenizer: Any) -> Any:
    """Pictures to 84 by 84 and to nine image tokens; text as it is."""
    from transformers import LlavaProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    size = {"height": PIXELS, "width": PIXELS}
    half = [0.5, 0.5, 0.5]
    pictures = SiglipImageProcessorPil(size=size, image_mean=half, image_std=half, resample=2)
    return LlavaProcessor(
        image_processor=pictures,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=TEMPLATE,
        image_token=IMAGE,
    )


def make_model(tokenizer: Any, *, width: int = 128, layers: int = 4, seed: int = 0) -> Any:
    """An untrained pebble. Its queries and keys begin alike, so heads start out by matching words.

    (Mimetic initialisation: Trockman & Kolter 2023, arXiv 2305.09828, section 4.)
    """
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration, Qwen2Config, SiglipVisionConfig

    torch.manual_seed(seed)
    eyes = SiglipVisionConfig(
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=PIXELS,
        patch_size=PATCH,
        vision_use_head=False,
    )
    mind = Qwen2Config(
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
        vision_config=eyes,
        text_config=mind,
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
        # The default places are a tenth of the size of the patches beside them: a cell would not
        # know where it is. The projector's default lets hardly anything through at this width.
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

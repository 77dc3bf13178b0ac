"""The short way of a training step gives what the long way gives."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from test_training_grpo import HALF, Length, build, config
from transformers import GenerationConfig

import tiny_models
from unswayed.training.grpo.prefix_sharing import (
    ModelInputs,
    PrefixNotShareable,
    SharedPrefix,
    first_occurrences,
    length_buckets,
    log_probs,
    why_not_shareable,
)
from unswayed.training.grpo.sampling import sample_rollouts

KINDS = {"llava": tiny_models.llava, "qwen": tiny_models.qwen, "idefics": tiny_models.idefics}


@pytest.fixture(scope="module", params=list(KINDS))
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    torch.set_num_threads(1)
    return KINDS[request.param](tmp_path_factory.mktemp("tiny"))


def test_a_step_is_the_same_both_ways(folder: Path, tmp_path: Path) -> None:
    """Wrong and right cues, groups in three ways: prompts of many lengths, shared by two and by four rows."""
    augment = HALF | {"groups": "paired"}
    logs, drawn, messages = [], [], []
    for share in (True, False):
        how = config(
            augment=augment, num_generations=6, prompts=3, share_prompts=share, steps=1, temperature=0.7
        )
        trainer = build(folder, tmp_path / str(share), how, Length)
        trainer._on_message = messages.append
        real = trainer._calculate_rewards
        trainer._calculate_rewards = lambda i, p, c, ids, real=real: drawn.append(ids) or real(i, p, c, ids)
        torch.manual_seed(7)
        trainer.train()
        assert trainer._shares is share, messages
        logs.append(next(line for line in trainer.state.log_history if "loss" in line))
    short, long = logs
    assert drawn[0] == drawn[1]
    assert long["grad_norm"] > 1e-3
    for name in ("loss", "grad_norm", "entropy", "reward"):
        assert short[name] == pytest.approx(long[name], rel=1e-3, abs=1e-6), name


def test_gradients_are_the_same_both_ways(folder: Path, tmp_path: Path) -> None:
    trainer = build(folder, tmp_path, config(augment=HALF, prompts=4), Length)
    model = trainer.model
    rows = [trainer._training_rows.prompt(place) for place in (0, 1, 2, 5, 6, 13)]
    batch = trainer.batcher.prepare(rows)
    features = dict(batch.features)
    ids, mask = features.pop("input_ids"), features.pop("attention_mask")
    new, seed = 7, 3
    gen = torch.Generator().manual_seed(seed)
    print("seed", seed)
    plain = torch.tensor(
        trainer.batcher.processor.tokenizer("it is a red thing, so I count two")["input_ids"]
    )
    words = plain[torch.randint(len(plain), (len(rows), new), generator=gen)]
    lengths = torch.tensor([7, 2, 1, 7, 3, 5]).unsqueeze(1)
    seen = (torch.arange(new) < lengths).long()
    ids, mask = torch.cat([ids, words], 1), torch.cat([mask, seen], 1)
    pictures = [1] * len(rows)
    token_types = {
        k: torch.cat([features[k], torch.zeros_like(words)], 1) for k in features if k.endswith("type_ids")
    }
    fields = ModelInputs(features | token_types, pictures)
    weight = torch.rand(words.shape, generator=gen) * seen
    found = []
    for way in ("short", "long"):
        model.zero_grad()
        if way == "short":
            logp, entropy = log_probs(model, ids, mask, new, batch.prompt_index, fields)
        else:
            trainer._prompt_index = []
            logp, entropy, _ = trainer._get_per_token_logps_and_entropies(
                model, ids, mask, new, compute_entropy=True, num_images=pictures, **fields.values
            )
        ((logp + entropy) * weight).sum().backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        found.append(((logp * seen).detach(), (entropy * seen).detach(), gradients))
    (a, b, short), (c, d, long) = found
    torch.testing.assert_close(a, c, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(b, d, rtol=1e-4, atol=1e-5)
    assert set(short) == set(long)
    assert any("vis" in name for name in long), "pictures are trained on, too"
    for name, gradient in long.items():
        torch.testing.assert_close(short[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.6, "top_p": 0.8}, {"top_k": 5}])
def test_rollouts_are_those_of_generate(folder: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    """Rows that end early leave the batch; what the others draw does not change."""
    trainer = build(folder, tmp_path, config(augment=HALF, prompts=4))
    batch = trainer.batcher.prepare(
        [trainer._training_rows.prompt(place) for place in (0, 0, 0, 4, 5, 9, 9, 9)]
    )
    features = dict(batch.features)
    ends = list(range(5, 20))  # common enough that rows end all the way through
    how = GenerationConfig(
        max_new_tokens=12, do_sample=True, pad_token_id=0, eos_token_id=ends, **({"top_k": 0} | settings)
    )
    model = trainer.model.eval()
    model.generation_config = how  # as TRL has it: else what the model brings would be mixed in
    with torch.no_grad():
        torch.manual_seed(11)
        whole = model.generate(**features, generation_config=how)[:, features["input_ids"].shape[1] :]
        ids, mask = features.pop("input_ids"), features.pop("attention_mask")
        rows, which = first_occurrences(batch.prompt_index)
        torch.manual_seed(11)
        prefix = SharedPrefix(model, ids, mask, ModelInputs(features, [1] * 8), rows)
        ours = sample_rollouts(model, prefix, which, ids[:, -1:], mask, how, ends)
    lengths = set()
    for row, tokens in zip(whole.tolist(), ours, strict=True):
        assert row[: len(tokens)] == tokens
        assert tokens[-1] in ends or len(tokens) == whole.shape[1]
        assert not set(tokens[:-1]) & set(ends)
        lengths.add(len(tokens))
    assert len(lengths) > 1


def test_a_model_that_keeps_nothing_goes_the_long_way(folder: Path, tmp_path: Path) -> None:
    trainer = build(folder, tmp_path, config(), Length)
    messages: list[str] = []
    trainer._on_message = messages.append
    real = trainer.model.forward

    def forgetful(*args: Any, cache: Any = None, use_cache: Any = None, **more: Any) -> Any:
        return real(*args, use_cache=False, **more)

    batch = trainer.batcher.prepare([trainer._training_rows.prompt(place) for place in (0, 0, 5)])
    features = dict(batch.features)
    ids, mask = features.pop("input_ids"), features.pop("attention_mask")
    fields = ModelInputs(features, [1] * 3)
    assert why_not_shareable(trainer.model, ids, mask, batch.prompt_index, fields) is None
    trainer.model.forward = forgetful
    assert "does not cache the keys" in str(
        why_not_shareable(trainer.model, ids, mask, batch.prompt_index, fields)
    )
    trainer.model.forward = real
    trainer.model.get_output_embeddings().weight.data.mul_(3.0)  # nothing is proved once and for all
    assert why_not_shareable(trainer.model, ids, mask, batch.prompt_index, fields) is None


def test_fields_of_a_layout_that_is_not_known_are_refused() -> None:
    with pytest.raises(PrefixNotShareable, match="one entry per row"):
        ModelInputs({"pixel_values": torch.zeros(5, 3)}, [1, 1]).select([0], 4)


def test_parts_of_like_length_hold_every_row_once() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(200):
        lengths = [rng.randint(0, 60) for _ in range(rng.randint(1, 40))]
        parts = list(length_buckets(lengths))
        assert sorted(i for part in parts for i in part) == list(range(len(lengths)))
        padded = sum(len(part) * max(lengths[i] for i in part) for part in parts)
        assert padded <= len(lengths) * max(lengths)
    assert list(length_buckets([9] * 8)) == [list(range(8))]
    assert list(length_buckets([])) == []
    assert len(list(length_buckets([1] * 8 + [50] * 8))) == 2

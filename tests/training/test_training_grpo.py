"""GRPO on TRL: what is context, what is trained, what is paid."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from datasets import Dataset
from PIL import Image as PILImage
from trl import GRPOTrainer

import tiny_models
from unswayed.backends.transformers import loading
from unswayed.benchmarks import registry
from unswayed.errors import BadInput
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import build_config
from unswayed.training.grpo import batch_reward
from unswayed.training.grpo.arguments import grpo_arguments
from unswayed.training.grpo.trainer import ConditionedGRPOTrainer
from unswayed.training.prompt_batches import PromptBatcher

NEW = 6
HALF = dict.fromkeys(("wrong_caption", "correct_caption", "wrong_think", "correct_think"), 0.25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_models.llava(tmp_path_factory.mktemp("tiny"))


def config(**grpo_settings: Any) -> GrpoConfig:
    augment = grpo_settings.pop("augment", {})
    settings = {"steps": 2, "prompts": 2, "num_generations": 4, "max_tokens": NEW, "lr": 1e-3} | grpo_settings
    return build_config({"grpo": settings, "augment": augment, "audit": {"every": 0}, "save": {"every": 100}})


def build(folder: Path, out: Path, how: GrpoConfig, kind: Any = ConditionedGRPOTrainer, n: int = 8) -> Any:
    path = str(folder)
    shape = loading.load_config(path)
    model = loading.load_model(path, shape, dtype=torch.float32, revision=None, trust_remote_code=False)
    questions = registry.load("scenes", split="train", limit=n).items
    return kind(model, loading.load_processor(path), questions, how, out)


class Length(ConditionedGRPOTrainer):
    """Pays by what was drawn, so that a random model has something to learn."""

    def reward(self, completion_ids: Any, **more: Any) -> list[float]:
        super().reward(completion_ids, **more)
        return [(sum(ids) % 7) / 7 for ids in completion_ids]


@pytest.fixture(params=[True, False], ids=["shared prompts", "a prompt each"])
def watched(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """A trainer on augmented questions, with everything that went through the model."""
    how = config(augment=HALF, prompts=8, share_prompts=request.param)
    trainer = build(folder, tmp_path, how, Length)
    calls: list[dict[str, Any]] = []

    def see(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if torch.is_grad_enabled() and {"labels", "shift_labels"} & set(kwargs):
            calls.append({k: v.clone() for k, v in kwargs.items() if isinstance(v, torch.Tensor)})

    trainer.model.register_forward_pre_hook(see, with_kwargs=True)
    batch = trainer.data_collator([{"place": i} for i in range(8 * 4)])
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1  # what `train` would set
    return SimpleNamespace(trainer=trainer, batch=batch, calls=calls)


def test_prompt_and_prefill_are_a_prefix_and_outside_the_loss(watched: Any) -> None:
    trainer = watched.trainer
    inputs = trainer._generate_and_score_completions(watched.batch)
    trainer.compute_loss(trainer.model, inputs)
    (call,) = watched.calls
    start = inputs["prompt_ids"].shape[1]
    if trainer._shares:  # what is not in this call has no labels at all
        assert torch.equal(call["input_ids"][:, 0], inputs["prompt_ids"][:, -1])
        labels = call["shift_labels"]
    else:
        assert (call["labels"][:, :start] == -100).all()
        labels = call["labels"][:, start:]
    kept = inputs["completion_mask"].bool()
    assert (labels[~kept] == -100).all()
    assert torch.equal(labels[kept], inputs["completion_ids"][kept])
    asked = set()
    for each, ids, mask in zip(watched.batch, inputs["prompt_ids"], inputs["prompt_mask"], strict=True):
        row = each["row"]
        asked.add(row.condition)
        text = trainer.batcher.words.decode(ids[mask.bool()].tolist())
        assert text.endswith("<|assistant|>" + row.prompt.prefill), "the rollout goes on behind the prefill"
        assert row.prompt.prefill.startswith("<think>") == row.condition.endswith("think")
    assert {"wrong-think", "correct-think"} & asked


def test_gradients_are_those_of_the_rollouts_tokens_alone(watched: Any) -> None:
    """Against GRPO's loss written out: on-policy, mean over all tokens of -advantage * log p (DAPO's)."""
    trainer, model = watched.trainer, watched.trainer.model
    inputs = trainer._generate_and_score_completions(watched.batch)
    assert inputs["advantages"].abs().max() > 0.5
    model.zero_grad()
    trainer.compute_loss(model, inputs).backward()
    theirs = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    model.zero_grad()
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    logits = model(input_ids=ids, attention_mask=mask, pixel_values=inputs["pixel_values"]).logits
    start = inputs["prompt_ids"].shape[1]
    logp = logits[:, start - 1 : -1].float().log_softmax(-1)
    logp = logp.gather(-1, inputs["completion_ids"].unsqueeze(-1)).squeeze(-1)
    kept = inputs["completion_mask"].float()
    (-(inputs["advantages"].unsqueeze(1) * logp * kept).sum() / kept.sum()).backward()
    ours = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert set(ours) == set(theirs)
    assert max(g.abs().max() for g in theirs.values()) > 1e-4
    for name, gradient in ours.items():
        torch.testing.assert_close(theirs[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_the_reward_sees_prefill_and_rollout_joined(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    real = batch_reward.score_rollout

    def spy(text: str, *args: Any, prefill: str = "", **more: Any) -> Any:
        seen.append((prefill, text))
        return real(text, *args, prefill=prefill, **more)

    monkeypatch.setattr(batch_reward, "score_rollout", spy)
    inputs = watched.trainer._generate_and_score_completions(watched.batch)
    assert len(seen) == len(watched.batch)
    words = watched.trainer.batcher.words
    for (prefill, text), each, prompt, mask, ids, kept in zip(
        seen, watched.batch, inputs["prompt_ids"], inputs["prompt_mask"], inputs["completion_ids"],
        inputs["completion_mask"], strict=True,
    ):  # fmt: skip
        assert prefill == each["row"].prompt.prefill
        assert text == words.text(prompt[mask.bool()].tolist(), ids[kept.bool()].tolist())


def test_metrics_are_told_by_condition(watched: Any) -> None:
    trainer = watched.trainer
    trainer._generate_and_score_completions(watched.batch)
    logged = trainer._metrics["train"]
    for name in {each["row"].condition for each in watched.batch}:
        for part in ("format", "correct", "consistent", "total", "tokens", "dead_groups"):
            assert len(logged[f"{name}/{part}"]) == 1
        assert (f"{name}/follows_cue" in logged) == (name != "base")


@pytest.mark.parametrize("share", [True, False])
def test_with_nothing_of_ours_on_a_step_is_trls_own(folder: Path, tmp_path: Path, share: bool) -> None:
    """Same questions, plain, same rewards: rollouts, loss, gradient norm and weights as stock."""
    how = config(share_prompts=share)

    class Stock(GRPOTrainer):  # the same questions as messages and pictures
        def __init__(self, model: Any, processor: Any, questions: Any, how: GrpoConfig, out: Path) -> None:
            def pay(completion_ids: Any, **_: Any) -> list[float]:
                return [(sum(ids) % 7) / 7 for ids in completion_ids]

            from unswayed.training.augmentation import EncodedImages, build_prompt

            each = [build_prompt(q, "base", 0, EncodedImages().read(q)).prompt for q in questions]
            data = [
                {
                    "prompt": [
                        {"role": "system", "content": p.system},
                        {"role": "user", "content": p.text},
                    ],
                    "image": PILImage.open(io.BytesIO(p.images[0])).convert("RGB"),
                }
                for p in each
            ]
            super().__init__(
                model=model, reward_funcs=[pay], args=grpo_arguments(how, out),
                train_dataset=Dataset.from_list(data), processing_class=processor,
            )  # fmt: skip

    trainers = [build(folder, tmp_path / str(k.__name__), how, k) for k in (Length, Stock)]
    logs: list[Any] = []
    drawn: list[Any] = []
    for trainer in trainers:
        torch.manual_seed(5)
        real = trainer._calculate_rewards
        trainer._calculate_rewards = lambda i, p, c, ids, real=real: drawn.append(ids) or real(i, p, c, ids)
        trainer.train()
        logs.append([line for line in trainer.state.log_history if "loss" in line])
    assert trainers[0]._shares is share
    assert drawn[:2] == drawn[2:], "the same draws give the same rollouts"
    for ours, stock in zip(*logs, strict=True):
        for name in ("loss", "grad_norm", "reward", "reward_std", "completions/mean_length", "entropy"):
            assert ours[name] == pytest.approx(stock[name], rel=1e-5, abs=1e-7), name
        assert ours["grad_norm"] > 0
    for (name, a), (_, b) in zip(*(t.model.named_parameters() for t in trainers), strict=True):
        # A softmax does not see what all keys have in common: these gradients are rounding, and Adam
        # makes steps of them.
        if not (share and name.endswith("k_proj.bias")):
            torch.testing.assert_close(a, b, rtol=1e-4 if share else 1e-5, atol=1e-6, msg=name)


def test_equal_prompts_are_processed_once(folder: Path, tmp_path: Path) -> None:
    trainer = build(folder, tmp_path, config(augment=HALF), Length)
    sizes: list[int] = []
    batcher = trainer.batcher
    real = batcher._process
    batcher._process = lambda said, pictures: sizes.append(len(said)) or real(said, pictures)
    trainer.train()
    assert sizes == [2, 2], "two questions a step, four rollouts each, one pass"


def test_what_is_processed_once_is_what_each_row_would_get(folder: Path, tmp_path: Path) -> None:
    trainer = build(folder, tmp_path, config(augment=HALF))
    rows = [trainer._training_rows.prompt(i) for i in range(8 * 4)]
    together = trainer.batcher.prepare(rows)
    for i in (0, 5, 17, 31):
        alone = trainer.batcher.prepare([rows[i]])
        assert together.ids[i] == alone.ids[0]
        assert torch.equal(together.features["pixel_values"][i], alone.features["pixel_values"][0])


def test_a_group_may_be_asked_in_three_ways(folder: Path, tmp_path: Path) -> None:
    how = config(augment=HALF | {"groups": "paired"}, num_generations=6, prompts=2)
    trainer = build(folder, tmp_path, how, Length)
    seen = []
    real = trainer._calculate_rewards
    trainer._calculate_rewards = lambda inputs, *a: (
        seen.append([x["row"] for x in inputs]) or real(inputs, *a)
    )
    trainer.train()
    assert len(seen) == 2
    for rows in seen:
        for start in (0, 6):
            group = rows[start : start + 6]
            assert len({row.question.uid for row in group}) == 1
            kind = group[1].condition.removeprefix("wrong-")
            assert [row.condition for row in group] == ["base", f"wrong-{kind}", f"correct-{kind}"] * 2


def test_kl_and_other_settings_reach_trl(folder: Path, tmp_path: Path) -> None:
    how = config(beta=0.1, loss="dr_grpo", scale_rewards="none", epsilon_high=0.28, micro_batch=4)
    trainer = build(folder, tmp_path, how, Length)
    assert trainer.args.loss_type == "dr_grpo"
    assert trainer.args.scale_rewards == "none"
    assert (trainer.epsilon_low, trainer.epsilon_high) == (0.2, 0.28)
    assert trainer.args.gradient_accumulation_steps == 2
    trainer.train()
    logs = [line for line in trainer.state.log_history if "loss" in line]
    assert logs[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert logs[1]["kl"] > 0


class _Stubborn:
    """A tokenizer of whole texts: whatever follows, all tokens change."""

    bos_token = None

    def __init__(self, swallows: bool) -> None:
        self._known: list[str] = []
        self._swallows = swallows

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        self._known.append(text)
        return {"input_ids": [len(self._known) - 1]}

    def decode(self, ids: list[int], **_: Any) -> str:
        text = "".join(self._known[i] for i in ids)
        return text[:-1] if self._swallows else text


@pytest.mark.parametrize(("swallows", "match"), [(False, "change when"), (True, "keep .* at the end")])
def test_a_template_that_cannot_be_proved_is_refused(
    folder: Path, tmp_path: Path, swallows: bool, match: str
) -> None:
    trainer = build(folder, tmp_path, config(augment=HALF))
    rows = [row for row in map(trainer._training_rows.prompt, range(32)) if row.prompt.prefill]
    trainer.batcher.check_prefills(rows)
    real = loading.load_processor(str(folder))

    class Processor:
        image_token, chat_template = real.image_token, real.tokenizer.chat_template
        tokenizer = _Stubborn(swallows)
        apply_chat_template = staticmethod(real.tokenizer.apply_chat_template)

    with pytest.raises(BadInput, match=match):
        PromptBatcher(Processor(), "stubborn", [0]).check_prefills(rows)


@pytest.mark.parametrize("stop", [3, 4, 5], ids=["before", "at", "after the end of a pass"])
def test_a_run_resumed_in_a_later_pass_over_the_data_is_the_run_itself(
    folder: Path, tmp_path: Path, stop: int
) -> None:
    """Four questions, one a step: the second pass begins with step 5, in another order than the first."""

    def orders(resume: str | None, out: Path) -> dict[int, str]:
        trainer = build(folder, out, config(steps=7, prompts=1), Length, n=4)
        trainer.args.save_steps, trainer.args.save_total_limit = 1, None
        real, seen = trainer._calculate_rewards, {}

        def spy(inputs: Any, *more: Any) -> Any:
            seen[trainer.state.global_step + 1] = inputs[0]["row"].question.uid
            return real(inputs, *more)

        trainer._calculate_rewards = spy
        trainer.train(resume_from_checkpoint=resume)
        return seen

    whole = orders(None, tmp_path / "a")
    assert [whole[step] for step in (1, 2, 3)] != [whole[step] for step in (5, 6, 7)]
    resumed = orders(str(tmp_path / "a" / f"checkpoint-{stop}"), tmp_path / "a")
    assert resumed == {step: uid for step, uid in whole.items() if step > stop}

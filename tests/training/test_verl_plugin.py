"""What verl loads, against verl's own classes: needs an environment with verl 0.9 (see docs/verl.md)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("verl")
import numpy as np
import torch
from transformers import AutoProcessor
from verl import DataProto
from verl.workers.rollout.replica import TokenOutput

from unswayed.benchmarks import registry
from unswayed.pebble import weights
from unswayed.training.config.augmentation import AugmentSettings
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.reward import RewardSettings
from unswayed.training.verl.export import export_for_verl
from unswayed.training.verl.plugin import SETTINGS, PrefillAgentLoop, RewardManager
from unswayed.training.verl.reward import score_response
from unswayed.training.verl.settings import reward_json

REWARD = RewardSettings(consistency=0.5)
AUGMENT = AugmentSettings(wrong_think=0.4, correct_think=0.4)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("verl")
    questions = registry.load("scenes", split="train", limit=8, seed=3)
    export_for_verl(GrpoConfig(augment=AUGMENT, reward=REWARD), questions, (), folder)
    return pq.read_table(folder / "train.parquet").to_pylist()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoProcessor.from_pretrained(weights()).tokenizer


def test_the_loop_asks_for_the_prefills_continuation_and_trains_on_nothing_else(
    rows: list[dict[str, Any]], tokenizer: Any
) -> None:
    asked: list[list[int]] = []

    class Server:
        async def generate(self, *, prompt_ids: list[int], **_: Any) -> TokenOutput:
            asked.append(prompt_ids)
            return TokenOutput(token_ids=[5, 6, 7], log_probs=[-0.5, -0.1, -0.2])

    loop = object.__new__(PrefillAgentLoop)
    loop.tokenizer, loop.server_manager = tokenizer, Server()
    loop.rollout_config = SimpleNamespace(response_length=2)
    rendered = tokenizer("user: words\nassistant: ", add_special_tokens=False)["input_ids"]

    async def media(messages: Any) -> dict[str, Any]:
        return {"images": ["picture"]}

    async def tokens(messages: Any, **_: Any) -> list[int]:
        return list(rendered)

    loop.process_multi_modal_info, loop.ct_build_initial_tokens = media, tokens
    for row in rows:
        output = asyncio.run(loop.run({}, raw_prompt=row["prompt"], extra_info=row["extra_info"]))
        prefill = row["extra_info"]["prefill"]
        assert tokenizer.decode(asked[-1]).endswith(prefill)
        assert output.prompt_ids == asked[-1]
        assert (output.response_ids, output.response_mask) == ([5, 6], [1, 1])
        assert output.response_logprobs == [-0.5, -0.1]


def test_verls_data_set_reads_the_rows_with_their_pictures(tmp_path: Path) -> None:
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset

    questions = registry.load("scenes", split="train", limit=4, seed=3)
    export_for_verl(GrpoConfig(augment=AUGMENT, reward=REWARD), questions, (), tmp_path)
    processor = AutoProcessor.from_pretrained(weights())
    settings = OmegaConf.create({"filter_overlong_prompts": False, "cache_dir": str(tmp_path / "cache")})
    data = RLHFDataset(str(tmp_path / "train.parquet"), processor.tokenizer, settings, processor)
    assert len(data) == len(questions)
    for i, question in enumerate(questions):
        row = data[i]
        assert row["agent_name"] == "unswayed"
        assert row["extra_info"]["uid"] == question.uid
        *_, user = row["raw_prompt"]
        kinds = [part["type"] for part in user["content"]]
        assert kinds == ["image", "text"]
        assert question.text in user["content"][1]["text"]


@pytest.mark.parametrize("ended", [True, False])
def test_the_manager_gives_our_own_reward(
    rows: list[dict[str, Any]], tokenizer: Any, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTINGS, reward_json(REWARD))

    async def score(row: dict[str, Any], text: str) -> dict[str, Any]:
        manager = RewardManager(None, tokenizer)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] * ended
        response = torch.tensor([ids + [0] * 5])
        mask = torch.tensor([[1] * 3 + [1] * len(ids) + [0] * 5])
        data = DataProto.from_dict(
            tensors={"responses": response, "attention_mask": mask, "prompts": torch.ones(1, 3)},
            non_tensors={"extra_info": np.array([row["extra_info"]], dtype=object)},
        )
        return await manager.run_single(data)

    for row in rows:
        opening = "" if row["extra_info"]["prefill"] else "<think>"
        text = f"{opening} So it is it.</think><answer>({row['reward_model']['ground_truth']})</answer>"
        result = asyncio.run(score(row, text))
        own = score_response(row["extra_info"], text, "stop" if ended else "length", REWARD)
        assert result == {"reward_score": own["score"], "reward_extra_info": own}

"""What verl loads: the agent loop that leaves a prefill open, and the reward manager.

Written against verl 0.9.1. verl's own single-turn loop and manager would

* render a prefill as a finished turn, behind which the model begins another: here the prefill's tokens are
  put behind the template's generation prompt, in place of a thought that the template opens itself, and count
  as prompt, so that no gradient reaches them;
* decode with ``skip_special_tokens``, by which a ``<think>`` that is special vanishes: here only the token
  that ends the turn is left out, and what ended the response is known.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

from verl import DataProto
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.utils.profiler import simple_timer

from unswayed.training.verl.prefill import continue_prefill
from unswayed.training.verl.reward import read_settings, score_response
from unswayed.training.verl.rows import AGENT

SETTINGS = "UNSWAYED_VERL_REWARD"
"""Environment variable with the reward's settings as JSON; the run script sets it."""


@register(AGENT)
class PrefillAgentLoop(AgentLoopBase):  # type: ignore[misc]
    """One turn that continues the row's prefill."""

    async def run(self, sampling_params: dict[str, Any], priority: int = 0, **row: Any) -> AgentLoopOutput:
        messages = list(row["raw_prompt"])
        media = await self.process_multi_modal_info(messages)
        images = media.get("images")
        prompt = await self.ct_build_initial_tokens(messages, images=images)
        prompt = continue_prefill(self.tokenizer, prompt, str(row["extra_info"].get("prefill", "")))
        metrics: dict[str, Any] = {}
        with simple_timer("generate_sequences", metrics):
            output = await self.server_manager.generate(
                request_id=uuid4().hex,
                prompt_ids=prompt,
                sampling_params=sampling_params,
                image_data=images,
                priority=int(priority),
            )
        metrics.setdefault("num_preempted", -1 if output.num_preempted is None else output.num_preempted)
        length = self.rollout_config.response_length
        response = output.token_ids[:length]
        return AgentLoopOutput(
            prompt_ids=prompt,
            response_ids=response,
            response_mask=[1] * len(response),
            response_logprobs=output.log_probs[:length] if output.log_probs else None,
            multi_modal_data=media,
            num_turns=2,
            metrics=metrics,
            extra_fields={**output.extra_fields, "turn_scores": [], "tool_rewards": []},
        )


class RewardManager(RewardManagerBase):  # type: ignore[misc]
    """Scores a response by `unswayed`'s own reward, joined with its prefill."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **_: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        self._settings = read_settings(os.environ[SETTINGS])

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        item = data[-1:][0]
        response = item.batch["responses"]
        count = int(item.batch["attention_mask"][-response.shape[-1] :].sum())
        tokens = response[:count].tolist()
        ended = bool(tokens) and tokens[-1] == self.tokenizer.eos_token_id
        text = self.tokenizer.decode(
            tokens[:-1] if ended else tokens,
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        )
        finish = "stop" if ended else "length"
        parts = score_response(item.non_tensor_batch["extra_info"], text, finish, self._settings)
        return {"reward_score": parts["score"], "reward_extra_info": parts}

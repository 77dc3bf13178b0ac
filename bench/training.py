"""What a step of GRPO costs: ours against TRL's own `GRPOTrainer`, in one run.

    python bench/training.py [STEPS [MODEL]]

The same model (default: pebble), plain questions, rewards, settings and random states; 8 questions of 8
rollouts a step. The two take turns, a few steps each, from the same weights, so that a busy machine slows
both. Seconds are of this process's CPU on a CPU, of the clock on a GPU. Target: at most 0.67 of stock, with
the same loss at the first step of every turn (later ones may differ by rounding that the optimizer enlarges).
"""

from __future__ import annotations

import copy
import io
import statistics
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from PIL import Image
from trl import GRPOTrainer

from unswayed.backends.transformers import loading
from unswayed.benchmarks import registry
from unswayed.question import Question
from unswayed.training.augmentation import EncodedImages, TrainingPrompt, build_prompt
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import build_config
from unswayed.training.grpo.arguments import grpo_arguments
from unswayed.training.grpo.trainer import ConditionedGRPOTrainer
from unswayed.training.prompt_batches import PromptBatcher
from unswayed.training.rewards.score import score_rollout
from unswayed.training.session import model_path

TARGET, TURNS, WARM = 0.67, 3, 1
PARTS = {
    "_generate_single_turn": "rollouts",
    "_calculate_rewards": "rewards",
    "_compute_loss": "forward",
    "backward": "backward",
}


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


class Stock(GRPOTrainer):
    """TRL's trainer on the same questions, as messages and pictures, paid by the same function."""

    def __init__(
        self, model: Any, processor: Any, questions: Sequence[Question], config: GrpoConfig, out: Path
    ) -> None:
        album = EncodedImages()
        self._put: list[TrainingPrompt] = [
            build_prompt(q, "base", config.seed, album.read(q)) for q in questions
        ]
        data = [
            {
                "prompt": [
                    {"role": "system", "content": row.prompt.system},
                    {"role": "user", "content": row.prompt.text},
                ],
                "image": Image.open(io.BytesIO(row.prompt.images[0])).convert("RGB"),
                "place": place,
            }
            for place, row in enumerate(self._put)
        ]
        self._recipe = config.reward
        super().__init__(
            model=model,
            reward_funcs=[self.pay],
            args=grpo_arguments(config, out),
            train_dataset=Dataset.from_list(data),
            processing_class=processor,
        )
        self._batcher = PromptBatcher(processor, "stock", self.eos_token_ids)

    def pay(self, completion_ids: list[list[int]], place: list[int], **_: Any) -> list[float]:
        out = []
        for ids, at in zip(completion_ids, place, strict=True):
            row = self._put[at]
            text, end = self._batcher.decode((), ids)
            out.append(score_rollout(text, row.question, row.prompt.options, end, self._recipe).total)
        return out


class Clock(transformers.TrainerCallback):
    """Seconds of every step, and of its parts."""

    def __init__(self, trainer: Any) -> None:
        self.steps: list[float] = []
        self.parts: dict[str, list[float]] = defaultdict(list)
        self._spent: dict[str, float] = {}
        self._began = 0.0
        for name, part in PARTS.items():
            owner = trainer.accelerator if name == "backward" else trainer
            setattr(owner, name, self._timed(getattr(owner, name), part))
        trainer.add_callback(self)

    def _timed(self, real: Any, part: str) -> Any:
        def timed(*args: Any, **more: Any) -> Any:
            began = now()
            try:
                return real(*args, **more)
            finally:
                self._spent[part] = self._spent.get(part, 0.0) + now() - began

        return timed

    def on_train_begin(self, *args: Any, **_: Any) -> None:
        self._began, self._spent = now(), {}

    def on_step_end(self, *args: Any, **_: Any) -> None:
        end = now()
        self.steps.append(end - self._began)
        for part in PARTS.values():
            self.parts[part].append(self._spent.get(part, 0.0))
        self._began, self._spent = now(), {}


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    settings: dict[str, Any] = {"grpo": {"steps": steps, "max_tokens": 80, "lr": 1e-4}, "audit": {"every": 0}}
    settings["save"] = {"every": 10**6}
    if len(sys.argv) > 2:
        settings["model"] = {"path": sys.argv[2]}
    config = build_config(settings)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)
    questions = registry.load("scenes", split="train", limit=64).items
    path = model_path(config)
    dtype = loading.pick_dtype("auto", "cuda" if torch.cuda.is_available() else "cpu")
    shape = loading.load_config(path)
    first = loading.load_model(path, shape, dtype=dtype, revision=None, trust_remote_code=False)
    weights = copy.deepcopy(first.state_dict())
    with tempfile.TemporaryDirectory() as folder:
        trainers: dict[str, Any] = {}
        for name, kind in (("unswayed", ConditionedGRPOTrainer), ("stock", Stock)):
            model, processor = copy.deepcopy(first), loading.load_processor(path)
            trainers[name] = kind(model, processor, questions, config, Path(folder) / name)
            trainers[name].remove_callback(transformers.PrinterCallback)
        clocks = {name: Clock(trainer) for name, trainer in trainers.items()}
        losses: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for turn in range(TURNS + WARM):
            for name, trainer in trainers.items():
                trainer.model.load_state_dict(weights)
                trainer.optimizer = trainer.lr_scheduler = None
                trainer._step, trainer._buffered_inputs = 0, None
                torch.manual_seed(turn)
                trainer.train()
                line = next(line for line in trainer.state.log_history if "loss" in line)
                losses[name].append((line["loss"], line["grad_norm"], line["reward"]))
    told(steps, clocks, losses)


def told(steps: int, clocks: dict[str, Clock], losses: dict[str, list[tuple[float, float, float]]]) -> None:
    cut = WARM * steps
    for turn, (ours, stock) in enumerate(zip(losses["unswayed"], losses["stock"], strict=True)):
        same = all(abs(a - b) <= 1e-4 * max(1.0, abs(b)) for a, b in zip(ours, stock, strict=True))
        print(
            f"turn {turn}: loss, gradient norm, reward {ours} and {stock}: {'same' if same else 'DIFFERENT'}"
        )
    middle = {name: statistics.median(clock.steps[cut:]) for name, clock in clocks.items()}
    print(f"{'seconds a step':20}{'unswayed':>10}{'stock':>10}{'ratio':>8}")
    rest = dict(middle)
    for part in PARTS.values():
        mine, theirs = (statistics.median(clocks[n].parts[part][cut:]) for n in ("unswayed", "stock"))
        rest = {"unswayed": rest["unswayed"] - mine, "stock": rest["stock"] - theirs}
        print(f"{part:20}{mine:10.3f}{theirs:10.3f}{mine / theirs if theirs else 0:8.2f}")
    mine, theirs = rest["unswayed"], rest["stock"]
    print(f"{'everything else':20}{mine:10.3f}{theirs:10.3f}{mine / theirs if theirs else 0:8.2f}")
    ratio = middle["unswayed"] / middle["stock"]
    print(f"{'whole step':20}{middle['unswayed']:10.3f}{middle['stock']:10.3f}{ratio:8.2f}")
    print(f"target: at most {TARGET} of stock: {'met' if ratio <= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()

"""What every trainer here does alike: resuming from a checkpoint, and telling trackers of audits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peft import PeftModel

from unswayed.backends import processors


class Common:
    """Stands before a trainer of transformers in its bases."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The weights of a checkpoint into the live model, read as `from_pretrained` reads them.

        A saved model may name its weights otherwise than a live one does (LLaVA's do); the trainer's own
        way of loading lets names that do not fit pass, and would go on from the first weights.
        """
        live = self.model if model is None else model  # type: ignore[attr-defined]
        if isinstance(live, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        shape = processors.load_config(resume_from_checkpoint)
        saved = processors.load_model(
            resume_from_checkpoint, shape, dtype=live.dtype, revision=None, trust_remote_code=False
        )
        live.load_state_dict(saved.state_dict(), strict=True)

    def publish(self, numbers: Mapping[str, float]) -> None:
        """Tell the trackers, and nobody else: what is logged of a step stays as it is."""
        me: Any = self
        due = me.control.should_log  # which the handler takes for done
        me.callback_handler.on_log(me.args, me.state, me.control, dict(numbers))
        me.control.should_log = due

"""How often, and after which pauses, what failed is asked again: one rule for engine and backends."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """How often and how patiently a transient failure is met."""

    attempts: int = 4
    """In all, the first one included."""
    first: float = 0.5
    """Seconds before the second attempt; doubled before each further one."""
    ceiling: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after `attempt` (from 1): half of the pause is left to chance."""
        pause: float = min(self.ceiling, self.first * 2 ** (attempt - 1))
        return pause * random.uniform(0.5, 1.0)

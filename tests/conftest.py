"""Seeds of all random tests, and which tests run only in `make soak`.

`make test` must never fail by chance: every draw has a fixed seed, and hypothesis takes the same examples
every time. `make soak` sets ``UNSWAYED_SOAK`` to a fresh seed and runs the tests that take `rng` or
hypothesis, and those marked `soak`, with it; a failure there names the seed that repeats it.
"""

from __future__ import annotations

import os
import signal
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

# A shell that starts the tests in the background lets them ignore signals, and so would every process that
# they start: tests of Ctrl-C and of a closed terminal need the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Hundreds of tests start a process; where Python may keep no bytecode, each would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SOAK_SEED = os.environ.get("UNSWAYED_SOAK")
FIXED_SEED = 71

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "soak",
    deadline=None,
    database=None,
    max_examples=300,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=(HealthCheck.too_slow,),
)
settings.load_profile("soak" if SOAK_SEED else "fixed")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of the test's own: its stream depends on the run's seed and on the test's name alone."""
    seed = int(SOAK_SEED or FIXED_SEED)
    print(f"seed {seed}")  # pytest shows it where the test fails
    return np.random.default_rng([seed, zlib.crc32(request.node.nodeid.encode())])


def pytest_report_header() -> str:
    return f"soak seed {SOAK_SEED}: repeat with UNSWAYED_SOAK={SOAK_SEED}" if SOAK_SEED else "fixed seeds"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long simulations run in the soak only; the soak runs nothing that has no random draw to vary."""
    if not SOAK_SEED:
        skip = pytest.mark.skip(reason="a long simulation: `make soak` runs it")
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(skip)
        return
    drawn = [item for item in items if _draws(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(drawn)])
    items[:] = drawn


def _draws(item: pytest.Item) -> bool:
    by_fixture = "rng" in getattr(item, "fixturenames", ())
    by_hypothesis = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return by_fixture or by_hypothesis or item.get_closest_marker("soak") is not None

"""Runs every test that draws at random again and again with fresh seeds, and prints the seeds that fail.

python tests/support/soak.py --rounds 200 tests/metrics
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import time

from places import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["tests"], help="files or folders of tests")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, help="the first seed; default: a fresh one")
    options = parser.parse_args()
    first = secrets.randbelow(2**30) if options.seed is None else options.seed
    failed: dict[int, str] = {}
    begun = time.monotonic()
    for seed in range(first, first + options.rounds):
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options.paths],
            cwd=ROOT,
            env={**os.environ, "UNSWAYED_SOAK": str(seed)},
            capture_output=True,
            text=True,
        )
        lines = result.stdout.strip().splitlines()
        print(f"seed {seed}: {lines[-1] if lines else result.stderr.strip()[-200:]}", flush=True)
        for line in lines:
            if line.startswith("FAILED"):
                print(f"    {line}", flush=True)
        if result.returncode:
            failed[seed] = result.stdout + result.stderr
    print(f"{options.rounds} rounds in {time.monotonic() - begun:.0f} s, {len(failed)} failed")
    for seed, output in failed.items():
        print(f"\n--- UNSWAYED_SOAK={seed} repeats this ---\n{output[-4000:]}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

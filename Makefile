# Two commands on a fresh machine: `make audit` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
# Threads that spin while they wait slow a small model on few cores many times over.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: audit test check soak bench study-smoke docs clean
.DEFAULT_GOAL := audit

ABSTAIN := base+abstain,wrong-caption+abstain,wrong-think+abstain

audit: $(VENV)/.local  ## audit the bundled model on drawn scenes under every text condition
	$(BIN)/unswayed audit pebble --benchmark scenes --limit 512 --conditions all,$(ABSTAIN) --seed 0 --out runs/pebble-scenes

test: $(VENV)/.dev  ## everything that must pass before a change lands
	$(MAKE) check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

ROUNDS ?= 10
SOAK ?= tests
soak: $(VENV)/.dev  ## the tests that draw at random, with fresh seeds: make soak ROUNDS=200 SOAK=tests/metrics
	OMP_NUM_THREADS=1 $(BIN)/python tests/support/soak.py --rounds $(ROUNDS) $(SOAK)

check: $(VENV)/.dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev  ## speed, as ratios or figures against stated targets
	for script in bench/*.py; do $(BIN)/python $$script || exit 1; done

study-smoke: $(VENV)/.dev  ## the trade-off study in small, in minutes: four arms, one seed; then its numbers
	OMP_NUM_THREADS=1 $(BIN)/unswayed study studies/trade-off-smoke.toml --out runs/trade-off-smoke
	$(BIN)/python studies/trade_off.py runs/trade-off-smoke

docs: $(VENV)/.docs  ## the documentation site in build/docs/site, with a fresh example run; links are checked
	rm -rf build/docs && mkdir -p build/docs
	COLUMNS=112 $(BIN)/unswayed audit pebble --benchmark scenes --limit 48 --seed 0 --out build/docs/run > build/docs/printed.txt
	$(BIN)/python docs/tools/stage.py build/docs/run build/docs/printed.txt build/docs/pages
	$(BIN)/zensical build --clean --strict
	$(BIN)/python docs/tools/check_links.py build/docs/site

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and by exact version: a looser range would fetch the newest build with all of CUDA.
$(VENV)/.local: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q "$(TORCH)"
	$(BIN)/python -m pip install -q -e ".[local]"
	touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.local
	$(BIN)/python -m pip install -q -e ".[local,http,hub,train,dev]"
	touch $@

$(VENV)/.docs: pyproject.toml $(VENV)/.local
	$(BIN)/python -m pip install -q -e ".[local,docs]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info src/*.egg-info

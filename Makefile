# The checks at the desk are the checks in CI. Every target makes the environment it needs; PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo

.PHONY: demo test unit slow test-all soak oracle oracle-graphs debian azurite format lint types imports docs bench build clean
.DEFAULT_GOAL := test

$(VENV)/.installed-demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.installed-test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $(VENV)/.installed-demo $@

demo: $(VENV)/.installed-demo  ## a night of a small camera, from raw frames to coadds, in the folder ./demo
	$(BIN)/bunter demo $(DEMO)

test: lint types imports docs unit  ## everything that a change must pass, in under ten minutes

# Quick tests work in memory where there are 6 GB of it: on a disk they wait for it a third of their time. Slow ones are for the disk.
MEMORY := $(shell df -Pk /dev/shm 2> /dev/null | awk 'NR == 2 && $$4 > 6000000 { print "/dev/shm" }')

unit: $(VENV)/.installed-test  ## the tests alone
	$(if $(MEMORY),TMPDIR="$${TMPDIR:-$(MEMORY)}") $(BIN)/python -m pytest -n 2 -m "not slow and not soak and not oracle" -o tmp_path_retention_policy=failed

debian:  ## what tests take from Debian's packages, where it is missing: a browser, npm; only root can
	command -v chromium > /dev/null && command -v npm > /dev/null && command -v setpriv > /dev/null || \
	  { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium npm util-linux; }

azurite: $(VENV)/.installed-test  ## Microsoft's emulator of Azure, for the slow tests; without npm these are skipped, and fail in CI
	mkdir -p $(VENV)/npm && cp tests/npm/package.json $(VENV)/npm/
	if command -v npm > /dev/null; then npm install --no-audit --no-fund --silent --prefix $(VENV)/npm; fi

slow: azurite  ## the tests that take more than a few seconds
	$(BIN)/python -m pytest -n 2 -m "slow and not soak and not oracle"

test-all: lint types imports docs azurite  ## the slow ones too
	$(BIN)/python -m pytest -n 2 -m "not soak and not oracle"

soak: $(VENV)/.installed-test  ## fault and fuzz campaigns, whole
	$(BIN)/python -m pytest -m soak --timeout 7200

format: $(VENV)/.installed-test
	$(BIN)/ruff format src tests benchmarks docs
	$(BIN)/ruff check --fix src tests benchmarks docs

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/ruff check src tests benchmarks docs

types: $(VENV)/.installed-test
	$(BIN)/mypy

imports: $(VENV)/.installed-test
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.installed-test
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html

build: $(VENV)/.installed-test  ## wheel and source distribution; the wheel is installed and run
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv --clear build/wheel
	build/wheel/bin/python -m pip install --quiet dist/*.whl
	build/wheel/bin/bunter --version

# The reference system has an environment of its own: it is an opponent, not a dependency.
$(VENV)-lsst/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-lsst
	$(VENV)-lsst/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lsst/bin/python -m pip install --quiet lsst-daf-butler lsst-pipe-base lsst-ctrl-mpexec pandas
	touch $@

bench: $(VENV)/.installed-test $(VENV)-lsst/.installed  ## ratios against the reference system, both sides in the same run
	$(BIN)/python benchmarks/ratios.py --ours $(BIN)/python --theirs $(VENV)-lsst/bin/python

# Differential tests have both systems in one environment. SEED repeats a campaign; EXAMPLES is how many questions a test asks.
SEED ?=
EXAMPLES ?= 300
$(VENV)-oracle/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-oracle
	$(VENV)-oracle/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-oracle/bin/python -m pip install --quiet --editable '.[lsst,postgres]' pytest pytest-timeout hypothesis
	touch $@

oracle: $(VENV)-oracle/.installed  ## the same questions to Bunter and to the reference system; prints the seed
	BUNTER_ORACLE_SEED=$(SEED) BUNTER_ORACLE_EXAMPLES=$(EXAMPLES) \
	  $(VENV)-oracle/bin/python -m pytest tests/oracle -m oracle --timeout 3600 -s

oracle-graphs: $(VENV)-oracle/.installed  ## the same pipelines to both graph builders, alone; EXAMPLES=5000 is a campaign
	BUNTER_ORACLE_SEED=$(SEED) BUNTER_ORACLE_EXAMPLES=$(EXAMPLES) \
	  $(VENV)-oracle/bin/python -m pytest tests/oracle/test_graphs.py -m oracle --timeout 3600 -s

clean:
	rm -rf $(VENV) $(VENV)-lsst $(VENV)-oracle build dist docs/_build .mypy_cache .ruff_cache .pytest_cache

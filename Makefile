# Everything sets up what it needs: a virtual environment in .venv with the package, its tools and one pinned torch.
#   make PYTHON=python3.12 …   another interpreter (3.11 or newer)
#   make PIP_ARGS="…" …        more arguments for pip
#   make MINUTES=60 fuzz       for how long to look for damage that a reader does not see

PYTHON ?= python3
PIP_ARGS ?=
export PIP_ARGS
BIN := .venv/bin
READY := .venv/.ready

MINUTES ?= 10

.PHONY: help setup demo test test-slow fuzz wheel try-wheel lint format types clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 17

setup: $(READY) ## the virtual environment, in .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "GANLens needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 …")'
	@echo "Setting up .venv: a few minutes the first time …"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY) ## train on bundled digits, examine, report: runs/demo/report.html
	@$(BIN)/ganlens demo

test: $(READY) ## the tests of every change, a file at a time on every core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m 'not slow'

test-slow: $(READY) ## the tests that are marked slow: notebooks, simulations, kills
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist load -m slow

fuzz: $(READY) ## damaged input for every reader, MINUTES=10 of it
	$(BIN)/python benchmarks/fuzz.py --minutes $(MINUTES)

wheel: $(READY) ## sdist and wheel, in dist/
	@rm -rf build dist && mkdir dist
	$(BIN)/python -m build . >dist/build.log 2>&1 || { cat dist/build.log; exit 1; }

try-wheel: wheel ## the wheel in a bare environment: the demo at full length
	$(BIN)/python .ci/try_wheel.py

lint: $(READY) ## style, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## the type check
	$(BIN)/mypy

clean: ## remove .venv and caches; runs/ stays
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache src/*.egg-info

# make setup | demo | test | check | docs | bench | clean
# Variables: PYTHON (3.11 to 3.13), VENV, TORCH (anything pip understands, for instance another build of it).

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
WORKERS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
RUNTIME := $(VENV)/.weitiao-runtime
DEV := $(VENV)/.weitiao-dev
# One thread for each worker: more would fight over the same cores.
TESTS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format docs bench clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read name what; do printf '%-8s %s\n' "$$name" "$$what"; done

setup: $(DEV)  ## virtual environment with everything for development

demo: $(RUNTIME)  ## the whole job on a small Excel file with the embedded base (no network after the install)
	rm -rf runs/demo_classify runs/demo_keywords
	$(BIN)/weitiao run recipes/demo_classify.yaml --out runs/demo_classify
	$(BIN)/weitiao run recipes/demo_keywords.yaml --out runs/demo_keywords

test: $(DEV)  ## all tests that need neither GPU nor network
	$(TESTS)

check: $(DEV)  ## style, types, imports, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m weitiao.cli.reference --check

format: $(DEV)  ## rewrite the code in the house style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(DEV)  ## write the generated reference pages
	$(BIN)/python -m weitiao.cli.reference

bench: $(DEV)  ## training speed beside PEFT and the official script: make bench DATA=... TOKENIZER=... (slow)
	$(PIP) install -e '.[peers]'
	$(BIN)/python benchmarks/train_vs_peers.py --data $(DATA) --tokenizer $(TOKENIZER) --json bench.json

clean:  ## remove what the tools left behind (not the environment, not runs/)
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage dist site
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "error: Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The torch that is already there is kept, whatever build it is; pip would fetch its own otherwise.
$(RUNTIME): pyproject.toml | $(BIN)/python
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
		{ echo "installing $(TORCH)"; $(PIP) install $(TORCH); }
	@echo "installing weitiao"
	@$(PIP) install -e .
	@touch $@

$(DEV): pyproject.toml $(RUNTIME)
	@echo "installing the development tools"
	@$(PIP) install -e '.[dev]'
	@touch $@

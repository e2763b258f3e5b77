# Everything a fresh machine needs: each target makes .venv first and installs into it when pyproject.toml or
# constraints.txt changed. Needs GNU make and Python 3.11 or later; PYTHON=... chooses one.

VENV  := .venv
STAMP := $(VENV)/.installed
BIN   := $(VENV)/bin
# One thread per process: two test workers with spinning thread pools would wait for each other.
QUIET_MACHINE := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

.PHONY: help demo test test-slow browser check bench docs flags site clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(STAMP) ## draw an article about apple juice with the embedded model
	@echo "make: drawing demo/ ..." >&2
	@$(BIN)/illinstr generate "How to make apple juice" --steps 6 --out demo --overwrite

test: $(STAMP) ## run the tests, on the CPU, without the slow ones
	$(QUIET_MACHINE) CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(STAMP) ## run the tests that take minutes
	$(QUIET_MACHINE) $(BIN)/python -m pytest -m slow

browser: ## install Chromium for the tests that need one, where apt and root are at hand
	@for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do \
	  if command -v $$name >/dev/null 2>&1; then echo "make: using $$(command -v $$name)" >&2; exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "make: installing Chromium ..." >&2; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else \
	  echo "make: no Chromium here, and no apt or no root to install it; tests that need one will skip" >&2; \
	fi

check: $(STAMP) ## lint, formatting, types, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_docs.py check

bench: $(STAMP) ## run every benchmark
	@for script in benchmarks/*.py; do echo "== $$script" >&2; $(BIN)/python $$script || exit 1; done

docs: $(STAMP) ## write the commands' help into docs/cli.md
	$(BIN)/python scripts/check_docs.py docs

flags: $(STAMP) ## freeze the commands and options as they are now
	$(BIN)/python scripts/check_docs.py flags

site: $(STAMP) ## build the documents as a web site into site/
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[site]'
	@$(BIN)/zensical build --strict --config-file mkdocs.yml >&2
	@echo site/index.html

clean: ## remove what tools and the demo left behind; .venv, data/ and runs/ stay
	rm -rf build dist demo site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@found=""; \
	for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "error: no Python 3.11 or later found" >&2; \
	  echo "hint: install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 2; \
	fi; \
	if [ ! -x $(BIN)/pip ]; then \
	  echo "make: creating $(VENV) with $$found ..." >&2; \
	  "$$found" -m venv $(VENV) || { echo "hint: on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }; \
	fi
	@echo "make: installing into $(VENV); the first time this takes a few minutes ..." >&2
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

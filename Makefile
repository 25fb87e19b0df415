# `make run` to use the program, `make test` to prove it. Both set up what they need first. See README.md.

SHELL := /bin/sh
# An empty environment has no PATH: the system's own then.
PATH := $(or $(PATH),/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
export PATH
PYTHON := .venv/bin/python
T ?= tests
# Two for each core: many tests wait for a printer or a browser more than they compute.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))
LAB ?= demo
export LAB

.PHONY: run test check bench setup setup-test lock words

run: setup
	@exec $(PYTHON) tools/serve.py

setup:
	@python3 tools/setup.py run

setup-test:
	@python3 tools/setup.py test

# The whole suite, or T=path to narrow it.
test: setup-test
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(T)

# What a change must pass before it lands: style, types, the direction of imports, complete translations.
check: setup-test
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTHON) tools/words.py check

# Ratios in one run, written to bench.json; non-zero when a line falls short.
bench: setup-test
	@$(PYTHON) -m tests.benchmarks

# Bring the catalogues up to date with the sentences of the code.
words: setup-test
	@$(PYTHON) tools/words.py update

# Newer versions of everything, within pyproject.toml.
lock: setup-test
	@$(PYTHON) tools/lock.py

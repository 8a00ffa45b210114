# A handful of verbs. `make setup` makes .venv; everything else runs in it, or in the environment that is active.
VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
RUN := $(VENV)/bin

.PHONY: setup test slow flood lint types run

setup:
	test -x $(RUN)/python || python3 -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --editable ".[dev]" --editable plugins/woocommerce

test: setup
	$(RUN)/python -m pytest

slow: setup
	$(RUN)/python -m pytest -m slow --timeout 3600

flood: setup
	$(RUN)/python -m tests.flood

lint: setup
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/lint-imports

types: setup
	$(RUN)/mypy

run: setup
	$(RUN)/klientela demo --once

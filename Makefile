# `make demo` and `make test` need CPython 3.10 or newer and make; the rest they put into .venv, here in the checkout.
# Another interpreter: make test PYTHON=python3.12. Other arguments for pytest: make test PYTEST_ARGS='-k quantise -x'.

PYTHON ?= python3
WORKERS ?= 2
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# One stamp for each step of the set-up. The first bears the interpreter's name: with another PYTHON all begins anew.
MADE := $(VENV)/made-by-$(subst /,_,$(PYTHON))
DEMO_READY := $(VENV)/ready-for-demo
DEV_READY := $(VENV)/ready-for-dev

.DEFAULT_GOAL := help
.PHONY: help demo test lint clean
# Two targets asked for at once share one environment, and pip must not run in it twice at a time.
.NOTPARALLEL:

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(DEMO_READY) ## code and decode three trained networks, and print what it cost
	@$(BIN)/python tools/demo.py

test: lint ## lint, then run all tests
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: $(DEV_READY) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy --strict nncodec

clean: ## remove .venv and all that was made
	rm -rf $(VENV) dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO_READY): pyproject.toml $(MADE)
	@echo 'installing what the demo needs (once, about a minute) ...'
	@$(PIP_INSTALL) --editable '.[all]'
	@touch $@

$(DEV_READY): pyproject.toml $(MADE)
	@echo 'installing what the tests need (once, a minute or two) ...'
	@$(PIP_INSTALL) --editable '.[dev]'
	@$(PIP_INSTALL) --editable '.[experiments]' \
	    || echo 'PyTorch is not to be had here: the tests that train networks will say that they skip' >&2
	@touch $@

# Debian's python3 has venv, but ensurepip only with the package python3-venv; without it, the system's own pip can put
# a pip into the environment. pip 21.3 is the first that installs an editable project described by pyproject.toml.
$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	    || { echo '$(PYTHON) is not Python 3.10 or newer: say make PYTHON=python3.12, or whichever you have' >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) > /dev/null 2>&1 \
	    || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
	         && $(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet pip; } > /dev/null 2>&1 \
	    || { echo '$(PYTHON) cannot make a virtual environment: apt install python3-venv, then make again' >&2; exit 1; }
	@$(PIP_INSTALL) 'pip>=21.3'
	@touch $@

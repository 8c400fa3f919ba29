# offramp: `make` shows what there is to do. Everything happens inside $(VENV); nothing outside this folder is touched.

PYTHON ?= python3
VENV   ?= .venv
# More arguments for pip when it installs torch, e.g. --extra-index-url and the address of a CPU-only index.
TORCH_ARGS ?=
# Tests at a time: as many as there are cores (nproc alone takes OMP_NUM_THREADS for those).
WORKERS ?= $(shell env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
# Of the slow tests those of one file in so many.
SHARE ?= 1

BIN   := $(VENV)/bin
STAMP := $(VENV)/.offramp-setup
PIP   := $(BIN)/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow mutants lint lock-check bench clean distclean

help:  ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## create the virtual environment from requirements.lock (quick when nothing changed)

demo: $(STAMP)  ## train, compile, simulate and report the three-exit digits network
	$(BIN)/offramp run examples/digits.toml

test: $(STAMP)  ## run the test suite, on every core
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-slow: $(STAMP)  ## run the tests that take long (SHARE=12: a twelfth of them, another one for every commit)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m slow --share $(SHARE)

mutants: $(STAMP)  ## plant every fault of tests/mutants.toml, and see that the tests find it
	$(BIN)/python -m benchmarks.mutants

lint: $(STAMP)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/mypy
	@# The driver runs on PYNQ 3 images.
	$(BIN)/mypy --python-version 3.10 -p offramp_driver

lock-check: $(STAMP)  ## see that requirements.lock can be had for other versions of Python
	@for version in 3.12 3.13; do echo "Python $$version"; \
		$(PIP) install --dry-run --no-deps --only-binary=:all: --python-version $$version --target $(VENV)/lock-check \
			-r requirements.lock || exit 1; done

bench: $(STAMP)  ## measure the figures in the README
	$(BIN)/python -m benchmarks.bench

clean:  ## remove what builds and tests made; keep the virtual environment
	rm -rf build examples/build sim_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find offramp quant_models hw sim build_flows offramp_driver benchmarks tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## clean, and remove the virtual environment
	rm -rf $(VENV) *.egg-info

# Three steps, since no resolver accepts what finn-plus declares together with a current torch (see requirements.lock).
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "offramp needs Python 3.11 or newer as $(PYTHON); choose one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@for tool in gcc g++ perl git; do command -v $$tool >/dev/null \
		|| { echo "$$tool is missing: apt-get install $$tool" >&2; exit 1; }; done
	@rm -f $(STAMP)
	@$(PIP) --version >/dev/null 2>&1 || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(PIP) install --no-deps -c requirements.lock find_libpython
	@test -n "$$($(BIN)/python -m find_libpython)" \
		|| { echo "Python's shared library, which cocotb needs, is missing: apt-get install libpython3-dev" >&2; exit 1; }
	@echo "installing torch"
	@$(PIP) install $(TORCH_ARGS) -c requirements.lock torch
	@echo "installing requirements.lock"
	@$(PIP) install --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(STAMP)

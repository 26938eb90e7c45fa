# Everything a checkout needs is git, make and a python3 of 3.11 or newer; tools/bootstrap.py brings the rest.
PYTHON ?= python3
BIN := .venv/bin
# More arguments: make run ARGS="--port 3001", make test ARGS="-s tests lint"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run setup test bench lint types screenshots clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start dashboard, API and worker at http://127.0.0.1:3000, with SQLite in ./enschedule.db
	@$(PYTHON) tools/bootstrap.py --group run
	@exec $(BIN)/enschedule up $(ARGS)

setup: ## make .venv with all packages and the development tools
	@$(PYTHON) tools/bootstrap.py --group dev

test: setup ## run everything a change has to pass
	@$(BIN)/nox $(ARGS)

bench: setup ## measure the speed, against the figures of the documentation
	@$(BIN)/nox -s benchmarks -- $(ARGS)

lint: setup ## check style and layout of the code
	@$(BIN)/nox -s lint

types: setup ## check the types
	@$(BIN)/nox -s types

screenshots: setup ## take pictures of every page into ./screenshots, and those of the documentation into docs/screens
	@$(BIN)/python tools/screenshots.py screenshots $(or $(ARGS),--docs)

clean: ## remove what was made here, but no database
	rm -rf .venv .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist test-results screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# PACS Pull. `make demo` shows it at work, `make test` passes the tests, `make run` starts it for real use.
VENV := .venv
PYTHON := $(VENV)/bin/python

.PHONY: install demo run test check format clean

install:            ## what a machine needs: Debian packages (as root) and .venv
	@scripts/install

check: $(VENV)/dev  ## format, lint, types, import contracts, unit tests: under a minute
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	PYTHONPATH=. $(VENV)/bin/lint-imports
	$(PYTHON) -m pytest tests/unit -q -x

format: $(VENV)/dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

# PACS Pull. `make demo` shows it at work, `make test` passes the tests, `make run` starts it for real use.
PYTHON := .venv/bin/python
CODE := plugin filters dispatcher tests docker
UNIT := $(PYTHON) -m pytest tests/unit -q
DATA ?=
ONCE ?=
FROM ?=
TO ?=
RESUME ?=
CONFIG ?=

.PHONY: help install demo run pull probe test check lint format faults bench migrate docker-test dev mongodb clean

help:     ## these lines
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile | expand -t 16

install:  ## what this machine needs: Debian packages (as root) and .venv
	@scripts/install

demo: install  ## a demo PACS, RabbitMQ and the gateway at work; DATA=folder: your own DICOM files; ONCE=1: end when done
	@exec $(PYTHON) -m tests.simulators.demo $(if $(ONCE),--once) $(if $(DATA),"$(DATA)")

run: install  ## the gateway in the foreground, with orthanc.json or CONFIG=file
	@exec scripts/run $(if $(CONFIG),"$(CONFIG)")

pull:     ## have a study pulled now: ACCESSION=… (or PATIENT=… or STUDY=…; SERIES=number for one series of it)
	@scripts/ask pull $(if $(ACCESSION),"AccessionNumber=$(ACCESSION)") $(if $(PATIENT),"PatientID=$(PATIENT)") \
		$(if $(STUDY),"StudyInstanceUID=$(STUDY)") $(if $(SERIES),"SeriesNumber=$(SERIES)")

probe:    ## what a PACS can do, and how it is best set: SOURCE=alias
	@scripts/ask probe "$(SOURCE)"

test: lint mongodb  ## all tests, with real servers
	$(UNIT) --cov --cov-fail-under=95
	$(PYTHON) -m pytest tests/contract tests/integration tests/faults -q

check: lint  ## format, lint, types, import contracts, unit tests: under a minute
	$(UNIT) -x

mongodb:
	@[ -n "$(MONGODB_URI)" ] || command -v mongod >/dev/null || scripts/ferretdb

lint: dev  ## format, lint, types, import contracts
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/ruff check $(CODE)
	.venv/bin/mypy
	PYTHONPATH=. .venv/bin/lint-imports

format: dev  ## put the format right
	.venv/bin/ruff format $(CODE)
	.venv/bin/ruff check --fix $(CODE)

faults: dev  ## kill, cut and starve real processes, at every point there is
	PACS_PULL_FAULT_STRIDE=1 $(PYTHON) -m pytest tests/faults -q

bench: dev  ## how fast it is here
	$(PYTHON) -m tests.bench.flow

docker-test: dev  ## build the containers, run them, send a day through (needs a Docker engine)
	$(PYTHON) docker/harness.py

migrate: install  ## copy the record: FROM=sqlite:///var/pacs-pull.db TO=mongodb://host/database; RESUME=1 after an interruption
	@exec $(PYTHON) -m plugin.migrate "$(FROM)" "$(TO)" $(if $(RESUME),--resume)

dev:
	@scripts/install dev

clean:    ## what the demo and the tests left behind
	rm -rf .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

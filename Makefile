# Short names for the commands of CONTRIBUTING.md.
PYTHON ?= python

.PHONY: lint tests docs bench ci
lint:
	$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy && lint-imports
tests:
	$(PYTHON) -m pytest
docs:
	$(PYTHON) docs/make_reference.py
bench:
	$(PYTHON) tests/bench/case_a.py
ci:
	.ci/run

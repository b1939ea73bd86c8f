# Short names for the commands of CONTRIBUTING.md.
PYTHON ?= python

.PHONY: lint tests docs bench
lint:
	$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy && lint-imports
tests:
	$(PYTHON) -m pytest
docs:
	$(PYTHON) -m gammapy_hli.cli config docs -o docs/reference/options.md
bench:
	$(PYTHON) tests/bench/case_a.py

"""Pulls of fits with nuisances over simulated data, in small; `tests/bench/check_nuisances.py` is the large version."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "check_nuisances.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_nuisances", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))  # what it imports stands beside it
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))


def test_pulls_of_spectrum_and_nuisances_are_unit_normal(check):
    rows = check.rows(check.draw_counts(40, 2), "counts")
    assert [row.text() for row in rows if not row.passes] == []


def test_event_files_of_a_shifted_instrument_give_the_shift_back(check):
    rows = check.rows(check.draw_events(4, 2), "events")[:-1]  # four sets say nothing of the last row
    assert [row.text() for row in rows if not row.passes] == []

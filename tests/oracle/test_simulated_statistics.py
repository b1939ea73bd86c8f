"""Pulls and coverage of simulated data, in small; `tests/bench/check_statistics.py` is the large version."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "check_statistics.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_statistics", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))  # what it imports stands beside it
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))


def test_pulls_of_index_and_amplitude_are_unit_normal(check):
    rows = check.pull_rows(check.draw_counts(check.CRAB, 150, 2), "counts")
    assert [row.text() for row in rows if not row.passes] == []


def test_two_sigma_limits_of_a_weak_source_cover_the_truth(check):
    rows = check.limit_rows(check.draw_counts(check.WEAK, 150, 2), "counts")
    assert [row.text() for row in rows if not row.passes] == []


def test_fits_of_simulated_event_files_find_the_truth(check):
    rows = check.pull_rows(check.draw_events(check.CRAB, 5, 2), "events")
    assert [row.text() for row in rows if not row.passes] == []

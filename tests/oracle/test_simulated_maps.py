"""A point source and a Gaussian 0.3 deg apart come back unbiased; small form of tests/bench/check_map_statistics.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "check_map_statistics.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_map_statistics", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))  # what it imports stands beside it
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))


def test_pulls_of_two_overlapping_sources_are_unit_normal(check):
    rows = check.pull_rows(check.draw_counts(20, 2), "counts")
    assert [row.text() for row in rows if not row.passes] == []


def test_fits_of_simulated_event_files_find_the_truth(check):
    rows = check.pull_rows(check.draw_events(4, 2), "events")
    assert [row.text() for row in rows if not row.passes] == []

"""Intervals of the selection, periods and phases: options become what the engine works with; mistakes are told."""

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.components.folding import FoldingOptions
from gammapy_hli.components.intervals import Intervals
from gammapy_hli.components.periodogram import PeriodogramOptions
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import CommandLine, PythonSource

DAY = [["2024-01-10", "2024-01-11"], ["2024-01-12", {"mjd": 60323.0, "scale": "tt"}]]


def test_ranges_are_intervals_in_order_of_time_whatever_their_scales():
    grid = Intervals(ranges=DAY[::-1]).grid()
    found = grid.intervals()
    assert grid.is_asked
    assert found.start[1] - found.start[0] == pytest.approx(2 * 86400)
    assert found.stop[1] - found.start[1] == pytest.approx(2 * 86400 - 69.184)  # TT - UTC


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ranges": [["2024-01-11", "2024-01-10"]]}, "2024-01-10T00:00:00 is not later than 2024-01-11T00:00:00"),
        ({"ranges": [["2024-01-10", "2024-01-12"], ["2024-01-11", "2024-01-13"]]}, "intervals overlap: 2024-01-10T00"),
        ({"ranges": DAY, "number": 2}, "number"),
        ({"ranges": DAY, "length": "1 min"}, "exclude each other"),
        ({"ranges": [["2024-01-10"]]}, "ranges"),
        ({"ranges": [["2024-01-10", {"mjd": 60323.0}]]}, "no scale is given"),
    ],
    ids=["backward", "overlap", "number", "length", "one time", "scale"],
)
def test_ranges_that_cannot_be_are_told(options, words):
    with pytest.raises(ConfigError) as error:
        Analysis({"selection.intervals": options}).check_ready()
    assert words in str(error.value)


def test_what_a_list_of_edges_does_without_is_told_with_the_way_out():
    file = {"selection.intervals": {"length": "1 min", "number": 2}}
    with pytest.raises(ConfigError) as error:
        Analysis(file, {"selection.intervals": {"edges": ["2024-01-10", "2024-01-11"]}}).check_ready()
    assert 'take it out, or add "selection.intervals.number": None' in str(error.value)
    line = CommandLine([("selection.intervals", ["{edges: [2024-01-10, 2024-01-11]}"], "selection.intervals")])
    with pytest.raises(ConfigError) as error:
        resolve(Analysis, [PythonSource(file), line]).build()
    assert "take it out, or add --selection.intervals.number null" in str(error.value)


def test_ranges_of_several_scales_that_overlap_are_told_when_they_are_made():
    pair = [["2024-01-10", {"mjd": 60321.0, "scale": "tai"}], [{"mjd": 60320.0, "scale": "tt"}, "2024-01-13"]]
    with pytest.raises(InputError, match="intervals overlap: number 0 ends at 2024-01-11T23:59:23"):
        Intervals(ranges=pair).grid().intervals()
    with pytest.raises(InputError, match=r"interval 0 ends at 2024-01-10T00:00:00\.000, not later than it begins"):
        Intervals(ranges=[[{"mjd": 60321.0, "scale": "tt"}, "2024-01-10"]]).grid().intervals()


def test_periods_are_bounds_of_frequencies():
    plan = PeriodogramOptions(min_period="2 h", max_period="10 d", samples_per_peak=8).plan()
    assert plan.max_frequency == pytest.approx(1 / 7200)
    assert plan.min_frequency == pytest.approx(1 / 864000)
    assert plan.samples_per_peak == 8
    assert PeriodogramOptions().plan().min_frequency is None
    assert PeriodogramOptions(min_frequency="1 mHz").plan().min_frequency == pytest.approx(1e-3)


def test_phases_are_equal_bins_or_edges():
    options = {"epoch": "2024-01-10", "period": "2 s"}
    assert FoldingOptions(options).folding().edges == pytest.approx(np.linspace(0, 1, 11))
    assert len(FoldingOptions(options, bins=4).folding().edges) == 5
    assert FoldingOptions(options, edges=[-0.1, 0.2]).folding().edges.tolist() == [-0.1, 0.2]
    assert FoldingOptions(options).folding().ephemeris.frequency == 0.5

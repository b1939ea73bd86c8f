"""Wanted edges of energy against those of the data: what is told of groups that are dropped."""

import astropy.units as u
import pytest

from gammapy_hli.engine.estimate.energy_bands import rounded_edges, words_of_dropped
from gammapy_hli.engine.geom.axes import Axis

AXIS = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=20)


def test_groups_whose_edges_round_to_one_are_told():
    wanted = [0.9, 1.0, 1.03, 1.06, 3.0] * u.TeV
    words = words_of_dropped(AXIS, wanted.to("GeV"), "flux point")
    assert words.startswith("3 of 4 flux points dropped, since both edges round to one edge of the datasets")
    assert "0.9 to 1 TeV, 1 to 1.03 TeV, 1.03 to 1.06 TeV;" in words
    assert len(rounded_edges(AXIS, wanted, "flux point")) == 2


@pytest.mark.parametrize(
    "wanted",
    [None, [0.1, 1, 10] * u.TeV, [1, 5, 20, 50, 100] * u.TeV, [10, 20, 1000] * u.GeV],
    ids=["none", "own edges", "above the axis", "below the axis"],
)
def test_nothing_is_told_otherwise(wanted):
    assert words_of_dropped(AXIS, wanted, "band") is None

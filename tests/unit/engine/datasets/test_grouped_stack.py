"""Sums by group: those of the members, in the order of the groups, kept and restored."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.datasets.grouped_stack import GroupedStacker
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import MapStacker, stack_maps
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

GROUPS = {"1": "low", "4": "empty", "2": "high", "3": "low"}


@pytest.fixture
def datasets():
    geometry = WcsGeometry.create(SkyCoord(0, 0, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    true = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
    shape = (2, *geometry.shape)
    return [MapDataset(name, geometry, energy, true, counts=np.full(shape, float(name))) for name in ("3", "2", "1")]


def make_stacker(dataset):
    return GroupedStacker(lambda: MapStacker(dataset.geometry, dataset.energy, dataset.energy_true), GROUPS)


def test_sums_are_those_of_the_members_in_the_order_of_the_groups(datasets):
    stacker = make_stacker(datasets[0])
    for dataset in datasets:
        stacker.add(dataset)
    low, high = stacker.results("stacked")
    assert (low.name, high.name) == ("stacked-low", "stacked-high")  # "empty" has no run that could be used
    np.testing.assert_array_equal(low.counts, stack_maps([datasets[0], datasets[2]]).counts)
    np.testing.assert_array_equal(high.counts, datasets[1].counts)


def test_a_sum_goes_on_from_its_state(datasets):
    first, second = make_stacker(datasets[0]), make_stacker(datasets[0])
    first.add(datasets[0])
    second.restore(first.state())
    for dataset in datasets[1:]:
        second.add(dataset)
    assert second.results("all")[0].counts[0, 0, 0] == 4
    assert first.results("all")[0].counts[0, 0, 0] == 3

"""Axis: edges, centers, bins and groups (NUMERICS B.2)."""

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.engine.geom.axes import Axis


@pytest.fixture
def axis():
    return Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4)


def test_center_is_geometric_mean_on_log_axis(axis):
    assert axis.center[0].to_value("TeV") == pytest.approx(0.1 * 10**0.25, rel=1e-14)


def test_center_is_arithmetic_mean_on_lin_axis():
    assert Axis.from_edges([0, 1, 3] * u.deg, name="offset", interp="lin").center.value.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(("low", "high", "nbin"), [(0.1, 40, 27), (0.05, 100, 67), (0.1, 100, 30)])
def test_bins_per_decade_are_rounded_up(low, high, nbin):
    per_decade = 20 if low == 0.05 else 10
    axis = Axis.from_energy_bounds(low * u.TeV, high * u.TeV, per_decade=per_decade)
    assert axis.nbin == nbin
    assert axis.edges_value("TeV")[[0, -1]].tolist() == [low, high]


def test_bounds_in_different_units_give_the_unit_of_max():
    axis = Axis.from_energy_bounds("100 GeV", "10 TeV", nbin=2)
    np.testing.assert_allclose(axis.edges_value("TeV"), [0.1, 1, 10])
    assert axis.unit == u.TeV


def test_index_is_minus_one_outside_and_for_nan(axis):
    values = [0.05, 0.11, 0.9, 9.9, 11, np.nan, -1, 0] * u.TeV
    assert axis.index(values).tolist() == [-1, 0, 1, 3, -1, -1, -1, -1]


def test_a_value_on_an_edge_belongs_to_the_upper_bin():
    axis = Axis.from_edges([0, 1, 2, 3, 4] * u.deg, name="offset", interp="lin")
    assert axis.index([0, 1, 2, 3, 4] * u.deg).tolist() == [0, 1, 2, 3, -1]


def test_index_converts_units_and_takes_bare_numbers_in_the_unit_of_the_axis(axis):
    assert axis.index(900 * u.GeV) == axis.index(0.9) == 1


@given(st.floats(0.1001, 9.99))
def test_index_finds_the_bin_between_whose_edges_a_value_lies(value):
    axis = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=7)
    index = int(axis.index(value))
    low, high = axis.edges.value[index : index + 2]
    assert low * (1 - 1e-12) <= value <= high * (1 + 1e-12)


def test_pixel_extrapolates_in_the_scale_of_the_axis(axis):
    np.testing.assert_allclose(axis.pixel([0.01, 0.1, 10, 100] * u.TeV), [-2.5, -0.5, 3.5, 5.5], atol=1e-12)


def test_energy_mask_compares_edges_as_they_stand(axis):
    edges = axis.edges
    assert axis.energy_mask(edges[1], edges[3]).tolist() == [False, True, True, False]
    assert axis.energy_mask(np.nextafter(edges[1].value, 1) * u.TeV).tolist() == [False, False, True, True]
    assert axis.energy_mask(None, np.nan * u.TeV).all()


@pytest.mark.parametrize("limit", ["700 GeV", "0.7 TeV", "7e11 eV"])
@pytest.mark.parametrize("edge", [0.7, np.nextafter(0.7, 0), np.nextafter(0.7, 1)])
def test_rounding_takes_no_bin_out_of_a_range(edge, limit):
    axis = Axis.from_edges([0.1, edge, 10] * u.TeV)
    assert axis.bins_inside((u.Quantity(limit), None)).tolist() == [False, True]
    assert axis.bins_inside((None, u.Quantity(limit))).tolist() == [True, False]


def test_a_limit_inside_a_bin_takes_the_bin_out(axis):
    edges = axis.edges
    assert axis.bins_inside((edges[1] * (1 + 1e-6), edges[3] * (1 - 1e-6))).tolist() == [False] * 4
    assert axis.bins_inside((edges[1] * (1 - 1e-6), edges[3] * (1 + 1e-6))).tolist() == [False, True, True, False]
    assert axis.bins_inside((None, None)).all()


def test_energy_mask_rounds_limits_to_nearest_edges(axis):
    assert axis.energy_mask(edges_near(axis, 1, 1.1), edges_near(axis, 3, 0.9), round_to_edge=True).tolist() == [
        False,
        True,
        True,
        False,
    ]


def edges_near(axis, index, factor):
    return axis.edges[index] * factor


def test_group_moves_edges_to_the_nearest_and_clips(axis):
    edges, index = axis.group([0.01, 0.3, 2.8, 99] * u.TeV)
    assert index.tolist() == [0, 1, 3, 4]
    np.testing.assert_array_equal(edges.value, axis.edges.value[[0, 1, 3, 4]])


def test_group_without_overlap_names_both_ranges(axis):
    with pytest.raises(ValueError, match="nothing is left between the edges"):
        axis.group([100, 200] * u.TeV)


def test_slice_keeps_edges_bitwise(axis):
    assert axis.slice(1, 3).edges.value.tolist() == axis.edges.value[1:4].tolist()


def test_nodes_lie_in_the_middle_of_bins_in_scale():
    axis = Axis.from_nodes([1, 10, 1000] * u.TeV, name="energy_true")
    np.testing.assert_allclose(axis.edges.value, [10**-0.5, 10**0.5, 100, 10000])
    assert axis.center.value.tolist() == [1, 10, 1000]


def test_same_as_forgives_float32_edges(axis):
    other = Axis.from_edges(axis.edges.value.astype("float32") * u.TeV)
    assert axis.same_as(other)
    assert not axis.same_as(axis.renamed("energy_true"))
    assert not axis.same_as(axis.slice(0, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Axis.from_energy_bounds("1 TeV", "0.1 TeV", nbin=2), "got min 1.0 TeV, max 0.1 TeV"),
        (lambda: Axis.from_energy_bounds("1 m", "2 m", nbin=2), "max has unit 'm'"),
        (lambda: Axis.from_energy_bounds("1 TeV", "2 TeV"), "nbin None and per_decade None"),
        (lambda: Axis.from_energy_bounds("1 TeV", "2 TeV", nbin=0), "got 0 bins"),
        (lambda: Axis.from_edges([1, 1, 2] * u.TeV), "must increase strictly"),
        (lambda: Axis.from_edges([-1, 1, 2] * u.TeV), "positive edges, got -1.0 TeV"),
        (lambda: Axis.from_edges([1] * u.TeV), r"shape \(1,\)"),
        (lambda: Axis.from_edges([1, 2] * u.TeV, interp="sqrt"), "interp is 'sqrt'"),
    ],
)
def test_bad_axes_say_what_was_got(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_edges_cannot_be_written(axis):
    with pytest.raises(ValueError, match="read-only"):
        axis.edges.value[0] = 1


def test_edges_from_texts():
    assert Axis.from_edges(["100 GeV", "1 TeV"]).edges.value.tolist() == [100, 1000]


def test_summary_tells_name_and_range(axis):
    assert axis.summary()["nbin"] == 4
    assert "0.1 TeV" in repr(axis)

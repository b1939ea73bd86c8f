"""Interpolation, power-law integrals and gap filling against scipy and closed forms."""

import numpy as np
import pytest
from astropy import units as u
from scipy.interpolate import RegularGridInterpolator

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf import interpolate as ip

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 5, 4)], ids=["1d", "2d", "3d"])
def test_linear_interpolation_equals_scipy_also_outside(shape):
    nodes = [np.sort(RNG.uniform(0, 10, n)) for n in shape]
    values = RNG.normal(size=shape)
    x = [RNG.uniform(-5, 15, 100) for _ in shape]
    reference = RegularGridInterpolator(nodes, values, bounds_error=False, fill_value=None)(np.stack(x, axis=-1))
    np.testing.assert_allclose(ip.interpolate_linear(nodes, values, x), reference, rtol=1e-12, atol=1e-12)


def test_values_at_the_nodes_are_the_values():
    nodes, values = [np.arange(4.0), np.arange(3.0)], RNG.normal(size=(4, 3))
    got = ip.interpolate_linear(nodes, values, [nodes[0][:, None], nodes[1]])
    np.testing.assert_array_equal(got, values)


def test_axis_of_one_node_is_ignored():
    got = ip.interpolate_linear(
        [np.arange(4.0), np.array([0.4])], np.arange(4.0)[:, None], [np.array(1.5), np.zeros(3)]
    )
    assert got.tolist() == [1.5, 1.5, 1.5]


def test_coordinates_are_broadcast():
    nodes, values = [np.arange(4.0), np.arange(3.0)], RNG.normal(size=(4, 3))
    got = ip.interpolate_linear(nodes, values, [np.ones((6, 1)), np.ones((1, 5))])
    assert got.shape == (6, 5)


def test_nothing_outside_of_the_axes():
    axis = Axis.from_energy_bounds("1 TeV", "100 TeV", nbin=2, name="energy_true")
    grid = ip.ResponseGrid((axis,), np.array([1.0, 1.0]))
    assert grid.evaluate(np.array([0.99, 1.0, 100.0, 100.1, np.nan])).tolist() == [0, 1, 1, 0, 0]


def test_values_are_clipped_at_zero_after_interpolation():
    axis = Axis.from_edges([0, 1, 2] * u.deg, name="offset", interp="lin")
    grid = ip.ResponseGrid((axis,), np.array([1.0, -1.0]))
    assert grid.evaluate(np.array([0.75, 1.25])).tolist() == [0.5, 0.0]


def test_logarithmic_extrapolation_from_a_zero_stays_finite():
    axis = Axis.from_edges([0, 1, 2] * u.deg, name="offset", interp="lin")
    grid = ip.ResponseGrid((axis,), np.array([0.0, 5.0]), log_values=True)
    assert grid.evaluate(np.array(2.0)) == pytest.approx(5e3)


@pytest.mark.parametrize("index", [0.0, 0.999999999, 1.0, 2.0, 3.7])
def test_power_laws_are_integrated_exactly(index):
    x = np.geomspace(0.1, 100, 7)
    integral = ip.integrate_power_law(x, 3 * x**-index)
    if index == 1:
        exact = 3 * np.log(x[1:] / x[:-1])
    else:
        exact = 3 / (1 - index) * np.expm1((1 - index) * np.log(x[1:] / x[:-1])) * x[:-1] ** (1 - index)
    np.testing.assert_allclose(integral, exact, rtol=1e-7 if 0 < abs(index - 1) < 1e-6 else 1e-12)


def test_bins_with_a_zero_at_an_edge_hold_nothing():
    assert ip.integrate_power_law(np.array([1.0, 2, 4, 8]), np.array([0.0, 1, 0, 0])).tolist() == [0, 0, 0]


def test_gaps_are_filled_in_the_logarithm():
    values = np.array([0, 100, 0, 1, np.nan, 0.25, 0])
    np.testing.assert_allclose(ip.fill_gaps(values), [0, 100, 10, 1, 0.5, 0.25, 0])


def test_columns_are_filled_on_their_own():
    values = np.array([[4.0, 0], [0, 0], [1.0, 0]])
    np.testing.assert_allclose(ip.fill_gaps(values), [[4, 0], [2, 0], [1, 0]])


def test_full_arrays_stay_as_they_are():
    values = RNG.uniform(1, 2, (4, 5))
    np.testing.assert_array_equal(ip.fill_gaps(values), values)


def test_nearest_node_is_nearest_in_the_scale_of_the_axis():
    axis = Axis.from_nodes([1, 100] * u.TeV, name="energy")
    assert ip.nearest_nodes(axis, np.array([0.1, 9.9, 10.1, 1e4])).tolist() == [0, 0, 1, 1]

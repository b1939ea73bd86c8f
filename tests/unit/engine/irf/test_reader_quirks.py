"""What real response files do besides the format (NUMERICS A.2), each made in code."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from gammapy_hli.engine.irf.reader import read_irf

EDGES = np.geomspace(0.1, 10, 5)


def aeff_hdu(low, high, theta, values, theta_dim=None, unit="m2"):
    """An effective area of energies low ... high and nodes of offset; values of shape (offset, energy)."""
    theta = np.asarray(theta, dtype=float)
    n_theta = {"format": f"{theta.size}E", "dim": theta_dim, "array": theta[None], "unit": "deg"}
    columns = [
        fits.Column("ENERG_LO", f"{len(low)}E", array=np.asarray(low)[None], unit="TeV"),
        fits.Column("ENERG_HI", f"{len(high)}E", array=np.asarray(high)[None], unit="TeV"),
        fits.Column("THETA_LO", **n_theta),
        fits.Column("THETA_HI", **n_theta),
        fits.Column("EFFAREA", f"{values.size}E", array=values[None], dim=str(values.shape[::-1]), unit=unit),
    ]
    return fits.BinTableHDU.from_columns(columns)


def test_nodes_are_the_centers_and_edges_lie_between_them():
    aeff = read_irf("aeff", aeff_hdu(EDGES[:-1], EDGES[1:], [0.0, 1.0, 3.0], np.ones((3, 4))))
    assert aeff.offset.center.to_value("deg").tolist() == [0, 1, 3]
    assert aeff.offset.edges.to_value("deg") == pytest.approx([-0.5, 0.5, 2, 4])  # outer ones half a step further


def test_nodes_of_energy_lie_between_in_the_logarithm():
    nodes = np.geomspace(0.1, 10, 5)
    aeff = read_irf("aeff", aeff_hdu(nodes, nodes, [0.0, 1.0], np.ones((2, 5))))
    assert aeff.energy_true.center.to_value("TeV") == pytest.approx(nodes, rel=1e-6)
    step = np.sqrt(nodes[1] / nodes[0])
    assert aeff.energy_true.edges.to_value("TeV") == pytest.approx([*(nodes / step), nodes[-1] * step], rel=1e-6)


def test_values_below_zero_pull_their_neighbors_and_are_cut_after():
    """Interpolated as they are, then cut at 0: half way between -1 and 3 is 1, not 1.5."""
    aeff = read_irf(
        "aeff", aeff_hdu(EDGES[:-1], EDGES[1:], [0.0, 1.0, 2.0], np.repeat([[-1.0], [3.0], [3.0]], 4, axis=1))
    )
    found = aeff.evaluate(1 * u.TeV, [0.0, 0.1, 0.5, 1.0] * u.deg).to_value("m2")
    assert found == pytest.approx([0, 0, 1, 3], abs=1e-6)


def test_values_that_are_not_finite_count_as_zero():
    values = np.ones((2, 4))
    values[:, 1] = np.nan
    aeff = read_irf("aeff", aeff_hdu(EDGES[:-1], EDGES[1:], [0.0, 1.0], values))
    found = aeff.evaluate(aeff.energy_true.center, 0.5 * u.deg).to_value("m2")
    assert found[1] == 0
    assert np.isfinite(found).all()


def test_axis_columns_with_dimensions_of_their_own():
    aeff = read_irf("aeff", aeff_hdu(EDGES[:-1], EDGES[1:], [0.0, 1.0, 2.0], np.ones((3, 4)), theta_dim="(3)"))
    assert aeff.offset.nbin == 3


@pytest.mark.parametrize(("unit", "factor"), [("m^2", 1), ("m**2", 1), ("cm2", 1e-4), (None, 1)])
def test_spellings_of_the_unit_of_area(unit, factor):
    aeff = read_irf("aeff", aeff_hdu(EDGES[:-1], EDGES[1:], [0.0, 1.0], np.full((2, 4), 7.0), unit=unit))
    assert aeff.evaluate(1 * u.TeV, 0.5 * u.deg).to_value("m2") == pytest.approx(7 * factor)


def test_one_energy_holds_in_its_bin():
    aeff = read_irf("aeff", aeff_hdu([1.0], [2.0], [0.0, 1.0], np.full((2, 1), 5.0)))
    assert aeff.evaluate([0.9, 1.1, 1.9, 2.1] * u.TeV, 0.5 * u.deg).to_value("m2").tolist() == [0, 5, 5, 0]

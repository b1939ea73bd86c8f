"""Counts drawn for map datasets scatter around their prediction."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.models_yaml import parse_background, parse_short
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.simulate.maps import simulate_map_datasets


@pytest.fixture(scope="module")
def dataset():
    """Four energy bins of 20 x 20 pixels, perfect resolution, the same exposure everywhere."""
    geometry = WcsGeometry.create(SkyCoord(83.6, 22, unit="deg"), 1 * u.deg, 0.05 * u.deg)
    energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
    true = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=4, name="energy_true")
    shape = (4, *geometry.shape)
    return MapDataset(
        name="map",
        geometry=geometry,
        energy=energy,
        energy_true=true,
        counts=None,
        exposure=np.full(shape, 1e10) * u.m**2 * u.s,
        background=np.full(shape, 0.5, dtype=np.float32),
    )


@pytest.fixture(scope="module")
def models():
    spatial = {"type": "gauss", "lon_0": "83.6 deg", "lat_0": "22 deg", "sigma": "0.1 deg"}
    spectral = {"type": "pl", "index": 2.2, "amplitude": "1e-11 cm-2 s-1 TeV-1"}
    return Models(
        [*parse_short({"nebula": {"spectral": spectral, "spatial": spatial}}), parse_background({"norm": 1.2}, "map")]
    )


def test_mean_of_the_counts_is_the_prediction(dataset, models):
    n = 200
    total = sum(drawn.counts for (drawn,) in simulate_map_datasets([dataset], models, n, seed=3))
    expected = n * predict_map(dataset, models).npred
    chi2 = ((total - expected) ** 2 / expected).sum()
    assert abs(chi2 - total.size) < 4 * np.sqrt(2 * total.size)


def test_a_copy_does_not_depend_on_the_number_of_copies(dataset, models):
    (one,) = next(simulate_map_datasets([dataset], models, 1, seed=3))
    (same,), (other,) = simulate_map_datasets([dataset], models, 2, seed=3)
    np.testing.assert_array_equal(one.counts, same.counts)
    assert (one.counts != other.counts).any()


def test_datasets_of_a_copy_are_independent(dataset, models):
    (a, b) = next(simulate_map_datasets([dataset, replace(dataset, name="two")], models, 1, seed=3))
    assert (a.name, b.name) == ("map", "two")
    assert (a.counts != b.counts).any()


def test_dataset_without_background_is_refused(dataset, models):
    with pytest.raises(ValueError, match="'map' has no background to draw from"):
        next(simulate_map_datasets([replace(dataset, background=None)], models))

"""A map dataset made in code: flat exposure, a psf of 0.05 deg, known background, a point source where asked for."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.psf_map import PsfMap
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.predict.map_total import predict_map

N_RECO, N_TRUE = 3, 6


def make_source(lon=83.63, lat=22.01, amplitude="2e-10 cm-2 s-1 TeV-1", **shape):
    """A source with a power law."""
    spatial = SpatialModel(**({"type": "point"} | shape), lon_0=lon, lat_0=lat)
    return SkyModel("source", PowerLawSpectralModel(index=2.0, amplitude=amplitude), spatial)


@pytest.fixture(scope="session")
def make_map():
    """Maker of datasets of 2 x 1.6 deg, 1 to 8 TeV; counts are drawn from background and sources with a seed."""

    def make(level=1.0, sources=(), seed=0, on_poisson=True, **changes):
        energy = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=N_RECO)
        true = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=N_TRUE, name="energy_true")
        geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), [2, 1.6] * u.deg, 0.04 * u.deg)
        coarse = geometry.irf_geometry(0.4 * u.deg)
        rad = Axis.from_edges(np.linspace(0, 0.4, 81) * u.deg, name="rad", interp="lin")
        profile = np.exp(-0.5 * (rad.center_value("deg") / 0.05) ** 2) / (2 * np.pi * np.deg2rad(0.05) ** 2)
        shape = (N_RECO, *geometry.shape)
        common = {
            "name": "toy",
            "geometry": geometry,
            "energy": energy,
            "energy_true": true,
            "exposure": np.full((N_TRUE, *geometry.shape), 3e8) * u.Unit("m2 s"),
            "background": np.full(shape, level),
            "psf": PsfMap(coarse, true, rad, np.ones((N_TRUE, 1, *coarse.shape)) * profile[:, None, None]),
        }
        mean = predict_map(MapDataset(**common), list(sources)).npred
        counts = np.random.default_rng(seed).poisson(mean) if on_poisson else mean
        return MapDataset(**{**common, "counts": counts.astype(float), **changes})

    return make


@pytest.fixture(scope="session")
def point_source():
    """Maker of sources."""
    return make_source

"""Directions drawn from extended sources follow the brightness of their models."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.sphere import from_icrs, icrs_radians
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.simulate.observation import simulate_run
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.response_tables import make_responses
from gammapy_hli.engine.simulate.sky_cells import make_sky_cells

N = 400_000
PLACE = {"lon_0": "83.6 deg", "lat_0": "22 deg"}
SHAPES = {
    "gauss": {"type": "gauss", "sigma": "0.15 deg"},
    "elongated-gauss": {"type": "gauss", "sigma": "0.2 deg", "e": 0.9, "phi": "30 deg"},
    "general": {"type": "gauss-general", "r_0": "0.1 deg", "eta": 0.8},
    "disk": {"type": "disk", "r_0": "0.3 deg"},
    "elongated-disk": {"type": "disk", "r_0": "0.3 deg", "e": 0.8, "phi": "-40 deg"},
    "shell": {"type": "shell", "radius": "0.25 deg", "width": "0.05 deg"},
    "shell2": {"type": "shell2", "r_0": "0.3 deg", "eta": 0.3},
}


def draw(model, n=N, seed=2):
    cells = make_sky_cells(model)
    rng = np.random.default_rng(seed)
    return cells.place(rng, rng.choice(len(cells.share), n, p=cells.share / cells.share.sum()))


def counts_on(geometry, lon, lat):
    x, y = geometry.to_pixel(*from_icrs(lon, lat, geometry.frame))
    ny, nx = geometry.shape
    return np.histogram2d(y, x, [np.arange(ny + 1) - 0.5, np.arange(nx + 1) - 0.5])[0]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_directions_follow_the_brightness(shape):
    model = SpatialModel(**shape, **PLACE)
    # pixels that are summed after a fine integration, so that edges within a pixel do not matter
    fine = WcsGeometry.create(SkyCoord(83.6, 22, unit="deg"), 2 * u.deg, 0.005 * u.deg, projection="TAN")
    coarse = WcsGeometry.create(SkyCoord(83.6, 22, unit="deg"), 2 * u.deg, 0.05 * u.deg, projection="TAN")
    expected = N * model.integrate(fine).reshape(40, 10, 40, 10).sum(axis=(1, 3))
    counts = counts_on(coarse, *draw(model))
    used = expected > 20
    # the sum over fine pixels is itself good to a percent where the brightness has an edge
    variance = expected + (0.01 * expected) ** 2
    chi2 = ((counts - expected)[used] ** 2 / variance[used]).sum()
    assert chi2 < used.sum() + 4 * np.sqrt(2 * used.sum())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_cells_hold_all_of_the_flux(shape):
    assert make_sky_cells(SpatialModel(**shape, **PLACE)).share.sum() == pytest.approx(1, abs=0.01)


def test_galactic_shape_is_drawn_in_its_frame():
    center = SkyCoord(0.2, 89.0, unit="deg", frame="galactic")  # near the pole longitudes are far apart
    model = SpatialModel("gauss", frame="galactic", lon_0="0.2 deg", lat_0="89 deg", sigma="0.1 deg")
    lon, lat = draw(model)
    distance = SkyCoord(lon, lat, unit="rad").separation(center).deg
    assert np.sqrt((distance**2).mean() / 2) == pytest.approx(0.1, rel=0.01)
    assert SkyCoord(lon.mean(), lat.mean(), unit="rad").separation(center).deg < 0.002


@pytest.fixture
def template(tmp_path):
    geometry = WcsGeometry.create(SkyCoord(83.6, 22, unit="deg"), 1 * u.deg, 0.05 * u.deg, frame="icrs")
    image = SpatialModel("gauss", **PLACE, sigma="0.12 deg").integrate(geometry)
    hdu = fits.PrimaryHDU(image, fits.Header(geometry.header_cards()))
    hdu.writeto(tmp_path / "image.fits")
    return tmp_path / "image.fits"


def test_template_is_drawn_where_it_is_moved_to(template):
    still = SpatialModel("template", filename=str(template))
    moved = SpatialModel("template", filename=str(template), lon_0="84.1 deg", lat_0="22 deg")
    for model, lon_0 in ((still, 83.6), (moved, 84.1)):
        lon, lat = draw(model)
        assert np.degrees(lon).mean() == pytest.approx(lon_0, abs=0.002)
        assert np.degrees(lat).std() == pytest.approx(0.12, rel=0.05)


def test_template_that_is_not_normalized_scales_the_flux(template):
    with fits.open(template, mode="update") as hdus:
        hdus[0].data *= 1000.0
        hdus[0].header["BUNIT"] = "sr-1"
    cells = make_sky_cells(SpatialModel("template", filename=str(template), normalize=False))
    pixel = np.radians(0.05) ** 2
    assert cells.share.sum() == pytest.approx(1000 * pixel, rel=0.1)


def test_shape_without_size_is_refused():
    with pytest.raises(InputError, match=r"sigma 0 deg, .* shines nowhere"):
        make_sky_cells(SpatialModel("gauss", **PLACE, sigma="0 deg"))


@pytest.mark.parametrize("name", ["point", "const"])
def test_models_without_a_shape_are_refused(name):
    with pytest.raises(InputError, match="without a size"):
        make_sky_cells(SpatialModel(name))


def test_very_small_source_looks_like_a_point_source():
    """Number and spread of the gamma rays of a Gaussian of 0.36 arcsec are those of a point source."""
    plans = [make_plan(SpatialModel("point", **PLACE)), make_plan(SpatialModel("gauss", **PLACE, sigma="0.0001 deg"))]
    (n_point, spread_point), (n_small, spread_small) = (n_and_spread(plan) for plan in plans)
    assert abs(n_small - n_point) < 4 * np.sqrt(n_small + n_point)
    assert spread_small == pytest.approx(spread_point, rel=0.02)


def test_extension_and_point_spread_function_add_up():
    (_, point), (_, extended) = (
        n_and_spread(make_plan(model))
        for model in (SpatialModel("point", **PLACE), SpatialModel("gauss", **PLACE, sigma="0.15 deg"))
    )
    assert extended**2 == pytest.approx(point**2 + 0.15**2, rel=0.03)


def test_source_across_the_field_is_seen_with_the_area_of_each_place():
    """Gamma rays of a wide disk thin out towards the rim of the field as the effective area does."""
    plan = make_plan(SpatialModel("disk", **PLACE, r_0="1.5 deg"), offset=0 * u.deg)
    responses = make_responses(plan)
    run = simulate_run(plan, 0, responses)
    gamma = run.source == 0
    true = SkyCoord(run.ra[gamma], run.dec[gamma], unit="deg")
    distance = true.separation(SkyCoord(*plan.run(0).pointing, unit="rad")).deg
    counts = np.histogram(distance, [0.2, 0.6, 0.9, 1.2])[0] / np.diff(np.array([0.2, 0.6, 0.9, 1.2]) ** 2)
    energy = np.median(run.energy_true[gamma]) * np.ones(3)
    area = np.array([responses.effective_area(energy[:1], x)[0] for x in (0.45, 0.76, 1.06)])
    np.testing.assert_allclose(counts / counts[0], area / area[0], rtol=0.05)


def make_plan(spatial, **options):
    source = SkyModel("source", PowerLawSpectralModel(index=2.3, amplitude=1e-10), spatial)
    center = SkyCoord(83.6, 22, unit="deg")
    return SimulationPlan(Models([source]), target=center, n_runs=1, livetime=10 * u.h, seed=4, **options)


def n_and_spread(plan):
    """Number of gamma rays, and the width [deg] of their directions along one axis."""
    run = simulate_run(plan, 0, make_responses(plan))
    gamma = run.source == 0
    lon, lat = icrs_radians(plan.target)
    x = (run.ra[gamma] - np.degrees(lon)) * np.cos(lat)
    return int(gamma.sum()), float(np.sqrt((x**2 + (run.dec[gamma] - np.degrees(lat)) ** 2).mean() / 2))

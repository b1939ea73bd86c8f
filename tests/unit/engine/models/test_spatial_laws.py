"""Spatial models by their laws: integral one, frames, oversampling, limits of shapes; templates and their mistakes."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spatial_integral import MAX_OVERSAMPLING, PointIntegrator, ShapeIntegrator
from gammapy_hli.engine.models.spatial_shapes import SHAPES

CENTER = SkyCoord(83.63, 22.01, unit="deg")
GALACTIC = CENTER.galactic
SHAPE_CASES = {
    "gauss": {"sigma": "0.1 deg"},
    "gauss-e": {"type": "gauss", "sigma": "0.15 deg", "e": 0.9, "phi": "40 deg"},
    "gauss-general": {"r_0": "0.1 deg", "eta": 0.6, "e": 0.4, "phi": "10 deg"},
    "disk": {"r_0": "0.31 deg"},
    "disk-e": {"type": "disk", "r_0": "0.4 deg", "e": 0.8, "phi": "-60 deg"},
    "shell": {"radius": "0.3 deg", "width": "0.1 deg"},
    "shell2": {"r_0": "0.4 deg", "eta": 0.3},
}


def model_of(name, position=CENTER, **changes):
    case = {"type": name, **SHAPE_CASES[name], **changes}
    lon, lat = position.spherical.lon.deg, position.spherical.lat.deg
    return SpatialModel(frame=position.frame.name, lon_0=lon, lat_0=lat, **case)


@pytest.fixture(scope="module")
def geometry():
    return WcsGeometry.create(CENTER, 3 * u.deg, 0.02 * u.deg)


@pytest.mark.parametrize("name", SHAPE_CASES)
def test_integral_over_the_sky_is_one(name, geometry):
    # gammapy's rule samples these at pixel centers: the edge of a disk, thinner than a pixel, makes up to 1 %
    assert model_of(name).integrate(geometry).sum() == pytest.approx(1.0, abs=1.2e-2 if "disk" in name else 3e-3)


@pytest.mark.parametrize("name", [name for name in SHAPE_CASES if "-" not in name])
def test_round_model_is_the_same_in_both_frames(name, geometry):
    ours, other = model_of(name).integrate(geometry), model_of(name, GALACTIC).integrate(geometry)
    np.testing.assert_allclose(other, ours, rtol=0, atol=1e-9 * ours.max())


def test_long_axis_lies_north_at_phi_0_and_east_at_phi_90(geometry):
    ny, nx = geometry.shape
    north = model_of("gauss-e", phi="0 deg").integrate(geometry)
    east = model_of("gauss-e", phi="90 deg").integrate(geometry)
    assert north[ny // 2 + 8, nx // 2] > 2 * north[ny // 2, nx // 2 + 8]
    assert east[ny // 2, nx // 2 + 8] > 2 * east[ny // 2 + 8, nx // 2]


def test_angle_of_an_elongated_model_is_counted_in_its_own_frame(geometry):
    north = SkyCoord(GALACTIC.l, GALACTIC.b + 0.2 * u.deg, frame="galactic")
    image = model_of("gauss-e", GALACTIC, phi="0 deg").integrate(geometry)
    y, x = np.indices(image.shape)
    mean = np.array([[(image * x).sum(), (image * y).sum()]]) / image.sum()
    offsets = np.stack([x.ravel(), y.ravel()], axis=1) - mean
    covariance = (offsets * image.reshape(-1, 1)).T @ offsets
    axis = np.linalg.eigh(covariance)[1][:, 1]
    toward = np.array(geometry.position_to_pixel(north)) - np.array(geometry.position_to_pixel(GALACTIC))
    assert abs(axis @ toward) / np.linalg.norm(toward) == pytest.approx(1.0, abs=1e-4)


def test_elongated_model_without_eccentricity_is_the_round_one(geometry):
    lonlat = geometry.lonlat()
    for name in ("gauss", "disk"):
        almost = model_of(name, e=1e-7).evaluate(*lonlat)
        np.testing.assert_allclose(almost, model_of(name).evaluate(*lonlat), rtol=1e-5, atol=1e-9 * almost.max())


def test_shell2_is_the_shell_of_the_same_radii(geometry):
    lonlat = geometry.lonlat()
    shell2 = model_of("shell2", r_0="0.4 deg", eta=0.25).evaluate(*lonlat)
    shell = model_of("shell", radius="0.3 deg", width="0.1 deg").evaluate(*lonlat)
    np.testing.assert_allclose(shell2, shell, rtol=1e-9, atol=1e-12 * shell.max())


def test_general_gaussian_at_one_half_is_a_gaussian_of_sigma_r0_over_root_2(geometry):
    lonlat = geometry.lonlat()
    general = model_of("gauss-general", eta=0.5, e=0.0, r_0="0.1 deg").evaluate(*lonlat)
    gauss = model_of("gauss", sigma=f"{0.1 / np.sqrt(2)} deg").evaluate(*lonlat)
    np.testing.assert_allclose(general, gauss, rtol=0, atol=1e-5 * gauss.max())  # plane against sphere


def test_point_source_keeps_its_centroid_and_its_flux(geometry):
    position = CENTER.directional_offset_by(30 * u.deg, 0.113 * u.deg)
    image = SpatialModel("point", lon_0=position.ra.deg, lat_0=position.dec.deg).integrate(geometry)
    y, x = np.indices(image.shape)
    assert image.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.count_nonzero(image) == 4
    expected = [float(v) for v in geometry.position_to_pixel(position)]
    assert [(image * x).sum(), (image * y).sum()] == pytest.approx(expected, abs=1e-8)


def test_point_source_outside_of_the_map_has_no_pixels(geometry):
    assert PointIntegrator(geometry, "icrs").weights(np.array([93.0, 22.0])) == []
    assert SpatialModel("point", lon_0=93.0, lat_0=22.0).integrate(geometry).sum() == 0


def test_point_source_has_no_brightness():
    with pytest.raises(InputError, match=r"point source has no brightness.*integrate"):
        SpatialModel("point").evaluate(0.0, 0.0)


@pytest.mark.parametrize(("sigma", "factor"), [(0.1, 1), (0.03, 2), (0.001, 60), (1e-5, MAX_OVERSAMPLING)])
def test_pixels_are_divided_to_a_third_of_sigma(geometry, sigma, factor):
    integrator = ShapeIntegrator(SHAPES["GaussianSpatialModel"], geometry, "icrs")
    assert integrator.oversampling(np.array([83.63, 22.01, sigma, 0.0, 0.0])) == factor


def test_source_of_no_width_is_sampled_as_finely_as_allowed(geometry):
    integrator = ShapeIntegrator(SHAPES["GaussianSpatialModel"], geometry, "icrs")
    assert integrator.oversampling(np.array([83.63, 22.01, 0.0, 0.0, 0.0])) == MAX_OVERSAMPLING
    assert np.isfinite(integrator.integrate(np.array([83.63, 22.01, 0.0, 0.0, 0.0]))).all()


SMALL = {
    "gauss": {"sigma": 0.0},
    "gauss-general": {"r_0": 0.0},
    "disk": {"r_0": 0.0},
    "shell": {"radius": 0.0, "width": 0.0},
    "shell2": {"r_0": 0.0},
}


@pytest.mark.parametrize("shift", [0.0, 0.0071, 0.013])
@pytest.mark.parametrize("size", [0.0, 1e-6, 1e-5, 3e-5])
@pytest.mark.parametrize("name", SMALL)
def test_a_source_smaller_than_the_finest_sampling_keeps_its_flux(geometry, name, size, shift):
    sizes = dict.fromkeys(SMALL[name], size)
    model = SpatialModel(name, lon_0=CENTER.ra.deg + shift, lat_0=CENTER.dec.deg + 0.4 * shift, **sizes)
    assert model.integrate(geometry).sum() == pytest.approx(1.0, abs=0.05)  # before: 0 to 5


@pytest.mark.parametrize(
    ("name", "values"),
    [("gauss", {"e": 1.0}), ("disk", {"e": 1.0}), ("gauss-general", {"e": 1.0}), ("gauss-general", {"eta": 0.0})],
)
def test_values_that_make_no_shape_shine_nowhere(geometry, name, values):
    model = SpatialModel(name, lon_0=CENTER.ra.deg, lat_0=CENTER.dec.deg, **values)
    assert model.integrate(geometry).sum() == 0


def test_shell_of_no_width_is_the_limit_of_thin_ones(geometry):
    thin, none = (
        SpatialModel("shell", lon_0=CENTER.ra.deg, lat_0=CENTER.dec.deg, radius=0.3, width=w) for w in (1e-3, 0.0)
    )
    assert none.integrate(geometry).sum() == pytest.approx(1.0, abs=0.05)
    difference = none.integrate(geometry) - thin.integrate(geometry)
    assert np.abs(difference).max() < 0.2 * thin.integrate(geometry).max()


def test_constant_is_its_value_times_the_solid_angle(geometry):
    image = SpatialModel("const", value="2 sr-1").integrate(geometry)
    np.testing.assert_allclose(image, 2 * geometry.solid_angle())


def test_evaluation_radius_by_type():
    assert SpatialModel("point").evaluation_radius == 0 * u.deg
    assert model_of("gauss").evaluation_radius.to_value("deg") == pytest.approx(0.5)
    assert SpatialModel("const").evaluation_radius is None
    assert SpatialModel("const").position is None


def test_values_can_be_given_without_touching_the_model(geometry):
    model = model_of("gauss")
    other = model.integrate(geometry, np.array([83.7, 22.0, 0.2, 0.0, 0.0]))
    assert model.parameters["sigma"].value == 0.1
    assert other.max() < model.integrate(geometry).max()


# --- templates --------------------------------------------------------------------------------------------------------
@pytest.fixture
def write_template(tmp_path):
    def write(data=None, unit=None, name="template.fits"):
        geometry = WcsGeometry.create(CENTER, 1 * u.deg, 0.05 * u.deg)
        data = model_of("gauss").integrate(geometry) if data is None else data
        header = fits.Header(geometry.header_cards())
        if unit is not None:
            header["BUNIT"] = unit
        fits.PrimaryHDU(data, header).writeto(tmp_path / name)
        return str(tmp_path / name)

    return write


def test_normalized_template_has_the_integral_one(write_template, geometry):
    model = SpatialModel("template", filename=write_template())
    # pixels of half a sigma, joined by straight lines in the logarithm, lie below a Gaussian between their centers
    assert model.integrate(geometry).sum() == pytest.approx(1.0, abs=5e-2)
    assert model.position.separation(CENTER) < 1e-9 * u.deg
    assert model.evaluation_radius == 0.5 * u.deg


def test_template_moves_with_its_position(write_template, geometry):
    file = write_template()
    moved = SpatialModel("template", filename=file, lon_0="83.73 deg", lat_0="22.21 deg").integrate(geometry)
    row, column = np.unravel_index(np.argmax(moved), moved.shape)
    x, y = geometry.position_to_pixel(SkyCoord(83.73, 22.21, unit="deg"))
    assert [row, column] == pytest.approx([float(y), float(x)], abs=1.5)


def test_template_that_is_not_normalized_keeps_its_unit(write_template, geometry):
    per_degree = np.full((20, 20), 3.0)
    model = SpatialModel("template", filename=write_template(per_degree, "deg-2"), normalize=False)
    assert model.integrate(geometry).max() == pytest.approx(3.0 * 0.02**2, rel=1e-3)


@pytest.mark.parametrize("unit", ["TeV", "cm-2 s-1 sr-1", "bananas"])
def test_template_with_a_wrong_unit_is_told(write_template, unit):
    model = SpatialModel("template", filename=write_template(unit=unit), normalize=False)
    with pytest.raises(
        InputError, match=rf"template.fits: unit of the map \(BUNIT\) is '{unit}'; expected 'sr-1'.*normal"
    ):
        model.evaluate(0.0, 0.0)


def test_template_that_is_missing_or_no_image_is_told(tmp_path, write_template):
    with pytest.raises(InputError, match=r"nowhere.fits: no such file"):
        SpatialModel("template", filename=str(tmp_path / "nowhere.fits")).position  # noqa: B018
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])]).writeto(tmp_path / "table.fits")
    with pytest.raises(InputError, match=r"table.fits: holds no image"):
        SpatialModel("template", filename=str(tmp_path / "table.fits")).position  # noqa: B018


def test_template_with_energies_or_with_nothing_is_told(write_template):
    cube = write_template(np.ones((3, 20, 20)), name="cube.fits")
    with pytest.raises(InputError, match=r"cube.fits: data of shape \(3, 20, 20\).*sum the cube"):
        SpatialModel("template", filename=cube).position  # noqa: B018
    empty = write_template(np.zeros((20, 20)), name="empty.fits")
    with pytest.raises(InputError, match=r"empty.fits: no pixel is above zero"):
        SpatialModel("template", filename=empty).position  # noqa: B018

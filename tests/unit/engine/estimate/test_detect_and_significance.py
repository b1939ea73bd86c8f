"""Peaks of maps, with positions and errors; the distribution of significance."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.detect import find_peaks, find_peaks_in_bands, peak_table
from gammapy_hli.engine.estimate.significance_distribution import significance_distribution
from gammapy_hli.engine.estimate.ts_map import estimate_ts_maps
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


@pytest.fixture(scope="module")
def geometry():
    return WcsGeometry.create(SkyCoord(0, 0, unit="deg"), [2, 1.6] * u.deg, 0.02 * u.deg)


def hills(geometry, *places):
    """sqrt_ts whose square is a parabola of height and width [deg] at each place; the highest of them counts."""
    lon, lat = np.rad2deg(geometry.icrs())
    lon = (lon + 180) % 360 - 180
    ts = [height**2 * np.exp(-((lon - x) ** 2 + (lat - y) ** 2) / width**2) for x, y, height, width in places]
    return SkyMap(geometry, (), np.sqrt(np.max(ts, axis=0)))


def test_peaks_lie_on_the_hills(geometry):
    peaks = find_peaks(hills(geometry, (0.303, 0.107, 9, 0.1), (-0.41, -0.294, 12, 0.1), (0, 0, 3, 0.1)), threshold=5)
    places = [(peak.position.ra.wrap_at("180d").deg, peak.position.dec.deg) for peak in peaks]
    np.testing.assert_allclose(places, [(-0.41, -0.294), (0.303, 0.107)], atol=1e-3)
    assert [round(peak.significance) for peak in peaks] == [12, 9]
    # TS falls by one at width / height
    assert [peak.error.to_value("deg") for peak in peaks] == pytest.approx([0.1 / 12, 0.1 / 9], rel=0.1)


def test_a_peak_in_the_neighborhood_of_a_stronger_one_is_none(geometry):
    sky = hills(geometry, (0, 0, 9, 0.03), (0.15, 0, 12, 0.03))
    assert len(find_peaks(sky, min_distance=0.1 * u.deg)) == 2
    assert len(find_peaks(sky, min_distance=0.2 * u.deg)) == 1


def test_a_peak_at_the_edge_has_its_pixel_as_position(geometry):
    peaks = find_peaks(hills(geometry, (0, 0.9, 9, 0.2)), threshold=5)
    assert len(peaks) == 1
    assert np.isnan(peaks[0].error)
    assert peaks[0].row == 79


def test_nothing_above_the_threshold(geometry):
    sky = hills(geometry, (0, 0, 4, 0.1))
    assert find_peaks(sky) == ()
    assert len(peak_table(())) == 0
    assert find_peaks(sky.with_data(np.full(sky.shape, np.nan))) == ()


def test_a_table_of_peaks(geometry):
    table = peak_table(find_peaks(hills(geometry, (0.3, 0.1, 9, 0.1))))
    assert table["name"][0] == "peak-1"
    assert table["ra"][0].to_value("deg") == pytest.approx(0.3, abs=1e-3)


def test_pull_of_detected_positions_is_about_one(make_map, point_source):
    pulls = []
    for seed in range(12):
        source = point_source(lon=83.93, lat=22.137)
        maps = estimate_ts_maps(make_map(level=1.0, sources=[source], seed=seed), point_source(), limits=False)
        peak = find_peaks(maps["sqrt_ts"], min_distance=0.3 * u.deg)[0]
        pulls.append((peak.position.dec.deg - 22.137) / peak.error.to_value("deg"))
    assert abs(np.mean(pulls)) < 0.9
    assert 0.4 < np.std(pulls) < 1.6


def test_bad_maps_and_distances(geometry):
    sky = hills(geometry, (0, 0, 9, 0.1))
    with pytest.raises(InputError, match=r"min_distance is 0\.0 deg"):
        find_peaks(sky, min_distance=0 * u.deg)
    axis = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=2)
    with pytest.raises(InputError, match="expected one band"):
        find_peaks(SkyMap(geometry, (axis,), np.ones((2, *geometry.shape))))


def test_normal_values_have_their_mean_and_width():
    values = np.random.default_rng(0).normal(0.5, 2.0, (200, 200))
    found = significance_distribution(values)
    assert found.mean == pytest.approx(0.5, abs=4 * found.mean_error)
    assert found.std == pytest.approx(2.0, abs=4 * found.std_error)
    assert found.all.sum() == values.size


def test_excluded_pixels_and_nan_are_left_out():
    values = np.random.default_rng(0).normal(0, 1, (50, 50))
    is_off = np.ones((50, 50), dtype=bool)
    is_off[:10], values[:10], values[20, 20] = False, 30.0, np.nan
    found = significance_distribution(values, is_off)
    assert found.std == pytest.approx(1, abs=0.1)
    assert (found.all.sum(), found.off.sum()) == (2499, 1999)


def test_no_pixel_left():
    found = significance_distribution(np.full((3, 3), np.nan))
    assert np.isnan([found.mean, found.std]).all()


def test_peaks_of_each_band_have_its_edges(geometry):
    images = [hills(geometry, *places).data for places in ([(0.3, 0, 9, 0.1)], [(-0.3, 0, 7, 0.1), (0.3, 0, 8, 0.1)])]
    bands = Axis.from_edges([1, 3, 10] * u.TeV, name="energy")
    table = find_peaks_in_bands(SkyMap(geometry, (bands,), np.stack(images)), threshold=5)
    assert table["name"].tolist() == ["peak-1", "peak-2", "peak-3"]
    assert [round(value) for value in table["sqrt_ts"]] == [9, 8, 7]
    assert table["e_min"].to_value("TeV").tolist() == [1, 3, 3]
    assert table["e_max"].to_value("TeV").tolist() == [3, 10, 10]
    assert len(find_peaks_in_bands(SkyMap(geometry, (bands,), np.stack(images)), threshold=50)) == 0

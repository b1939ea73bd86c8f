"""TS maps by their laws: an empty sky, a source, the likelihood they solve, energies, limits, mistakes."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDatasetOnOff
from gammapy_hli.engine.estimate.norm_map import Sheet, fit_norm_map
from gammapy_hli.engine.estimate.ts_map import estimate_ts_maps, source_kernel
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.stats.norm_solver import NormProblems, norm_at_delta, solve_norms

SOURCE = {"lon": 83.93, "lat": 22.15}


def problem_of_pixel(sheets, row, column):
    """The likelihood of one pixel, bin by bin, for the solver of flux points."""
    counts, signal, offset = [], [], []
    for sheet in sheets:
        half, (ny, nx) = sheet.kernel.shape[0] // 2, sheet.counts.shape
        rows, columns = np.mgrid[row - half : row + half + 1, column - half : column + half + 1]
        inside = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
        at = rows[inside], columns[inside]
        counts.append(sheet.counts[at])
        signal.append(sheet.kernel[inside] * sheet.source[at])
        offset.append(sheet.background[at])
    arrays = [np.concatenate(values) for values in (signal, counts, offset)]
    return NormProblems.from_cash(1, np.zeros(len(arrays[0]), dtype=int), *arrays)


def random_sheet(seed, level, size=9, shape=(20, 26)):
    """Counts, one of them many, on a background that is not flat."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    kernel = np.exp(-4 * ((x - 0.1) ** 2 + y**2)) * (x**2 + y**2 <= 1.1)
    background = level * rng.uniform(0.5, 2, shape)
    counts = rng.poisson(background).astype(float)
    counts[6, 9] += 40
    source = rng.uniform(5, 20, shape) * (rng.random(shape) > 0.05)
    return Sheet(kernel / kernel.sum(), source, background, np.where(source > 0, counts, 0.0))


@pytest.mark.parametrize("level", [0.01, 0.3, 20.0], ids=["hardly any counts", "few", "many"])
def test_every_pixel_solves_its_likelihood(level):
    sheets = [random_sheet(1, level), random_sheet(2, level, size=5)]
    fit = fit_norm_map(sheets, np.ones((20, 26), dtype=bool), levels=(2.0, -1.0))
    for row, column in [(6, 9), (7, 8), (0, 0), (19, 3), (12, 25), (10, 13)]:
        problem = problem_of_pixel(sheets, row, column)
        best = solve_norms(problem)
        ts = problem.stat(np.zeros(1)) - best.stat
        assert fit.norm[row, column] == pytest.approx(best.norm[0], abs=1e-5 * max(np.nan_to_num(best.err[0]), 1e-3))
        assert fit.ts[row, column] == pytest.approx(ts[0], abs=1e-5)
        assert fit.err[row, column] == pytest.approx(best.err[0], rel=1e-4, nan_ok=True)
        for found, side, delta in ((fit.at_levels[0], 1, 4.0), (fit.at_levels[1], -1, 1.0)):
            expected = norm_at_delta(problem, best, delta, side)[0]
            assert found[row, column] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_a_background_of_zero_under_counts():
    sheet = random_sheet(3, 0.5)
    background = sheet.background.copy()
    background[6, 9] = 0.0
    fit = fit_norm_map([replace(sheet, background=background)], np.ones((20, 26), dtype=bool))
    assert np.isfinite(fit.norm).all()
    assert np.isfinite(fit.ts).all()
    assert fit.norm[6, 9] > 0


def test_no_counts_at_all_give_the_lowest_norm_and_a_finite_limit():
    sheet = replace(random_sheet(4, 1.0), counts=np.zeros((20, 26)))
    fit = fit_norm_map([sheet], np.ones((20, 26), dtype=bool), levels=(2.0,))
    assert (fit.norm < 0).all()
    assert np.isnan(fit.err).all()
    np.testing.assert_allclose(fit.at_levels[0], fit.norm + 2.0 / fit.signal)  # the statistic is 2 x S


def test_empty_sky_has_a_unit_normal_distribution(make_map, point_source):
    values = [
        estimate_ts_maps(make_map(level=3.0, seed=seed), point_source(), limits=False)["sqrt_ts"].data[0, ::4, ::4]
        for seed in range(8)
    ]
    values = np.concatenate(values, axis=None)
    assert abs(values.mean()) < 0.08  # 1040 pixels that hardly overlap: 0.03
    assert values.std() == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize("sum_energy", [True, False], ids=["image", "cube"])
def test_a_source_is_found_where_it_is_with_its_flux(make_map, point_source, sum_energy):
    source = point_source(**SOURCE)
    dataset = make_map(level=0.3, sources=[source], seed=3)
    maps = estimate_ts_maps(dataset, point_source(), sum_energy=sum_energy)
    row, column = np.unravel_index(np.argmax(maps["ts"].data[0]), maps["ts"].data.shape[1:])
    x, y = dataset.geometry.position_to_pixel(source.position)
    assert np.hypot(row - y, column - x) < 1
    true = source.spectral.integral(1 * u.TeV, 8 * u.TeV).to_value("cm-2 s-1")
    flux, error, limit = (maps[name].data[0, row, column] for name in ("flux", "flux_err", "flux_ul"))
    assert abs(flux - true) < 2.5 * error
    assert flux + error < limit < flux + 3 * error


def test_expected_counts_give_the_flux_back(make_map, point_source):
    source = point_source(lon=83.63 + 0.02 / np.cos(np.deg2rad(22.01)), lat=22.03)
    dataset = make_map(level=0.3, sources=[source], on_poisson=False)
    x, y = (float(v) for v in dataset.geometry.position_to_pixel(source.position))
    maps = estimate_ts_maps(dataset, point_source(), sum_energy=False, limits=False)
    true = source.spectral.integral(1 * u.TeV, 8 * u.TeV).to_value("cm-2 s-1")
    assert maps["flux"].data[0, round(y), round(x)] == pytest.approx(true, rel=2e-3)
    assert maps["flux"].unit == u.Unit("cm-2 s-1")


def test_asymmetric_errors_enclose_the_symmetric_one(make_map, point_source):
    source = point_source(**SOURCE)
    maps = estimate_ts_maps(make_map(level=2.0, sources=[source]), point_source(), asymmetric=True, n_sigma=2)
    down, up, err = (maps[name].data for name in ("flux_errn", "flux_errp", "flux_err"))
    there = np.isfinite(down)
    assert (up[there] > down[there]).all()  # a Poisson likelihood falls off faster on the lower side
    assert up[there] == pytest.approx(err[there], rel=0.35)


def test_bands_are_fitted_one_by_one(make_map, point_source):
    dataset = make_map(sources=[point_source(**SOURCE)])
    both = estimate_ts_maps(dataset, point_source(), energy_edges=[1, 2, 8] * u.TeV)["ts"]
    upper = estimate_ts_maps(dataset, point_source(), energy_edges=[2, 8] * u.TeV)["ts"]
    assert both.data.shape[0] == 2
    np.testing.assert_allclose(both.data[1], upper.data[0])


def test_two_datasets_are_fitted_together(make_map, point_source):
    dataset = make_map(level=2.0, sources=[point_source(**SOURCE)])
    one = estimate_ts_maps(dataset, point_source())
    two = estimate_ts_maps([dataset, dataset], point_source())
    np.testing.assert_allclose(two["ts"].data, 2 * one["ts"].data, atol=1e-6)
    np.testing.assert_allclose(two["flux_err"].data, one["flux_err"].data / np.sqrt(2), rtol=1e-5)


def test_masked_energies_and_pixels_do_not_count(make_map, point_source):
    dataset = make_map(level=2.0, sources=[point_source(**SOURCE)])
    mask = np.ones(dataset.shape, dtype=bool)
    mask[0], mask[:, :, :10] = False, False
    spoilt = np.where(mask, dataset.counts, 1000.0)
    expected = estimate_ts_maps(replace(dataset, mask_safe=mask), point_source())["ts"].data
    found = estimate_ts_maps(replace(dataset, counts=spoilt, mask_safe=mask), point_source())["ts"].data
    np.testing.assert_allclose(found, expected)
    assert np.isnan(found[0, :, :10]).all()
    assert np.isfinite(found[0, :, 10:]).all()


def test_known_sources_leave_nothing(make_map, point_source):
    source = point_source(**SOURCE)
    dataset = make_map(level=2.0, sources=[source], on_poisson=False)
    maps = estimate_ts_maps(dataset, point_source(), dataset.counts, limits=False)
    assert np.abs(maps["ts"].data).max() < 1e-8


def test_the_kernel_has_the_sum_one_and_its_maximum_in_the_middle(make_map, point_source):
    kernel = source_kernel(make_map(), point_source())
    np.testing.assert_allclose(kernel.sum(axis=(1, 2)), 1)
    assert np.unravel_index(kernel[0].argmax(), kernel[0].shape) == tuple(n // 2 for n in kernel[0].shape)
    assert source_kernel(make_map(), point_source(), 0.2 * u.deg).shape[1] == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": None}, "dataset 'toy' has no counts"),
        ({"background": None}, "dataset 'toy' has no background"),
        ({"exposure": None}, "dataset 'toy' has no exposure"),
        ({"mask_safe": np.zeros((3, 40, 50), dtype=bool)}, "no pixel has background and is safe between 1 TeV and 8"),
    ],
    ids=["counts", "background", "exposure", "mask"],
)
def test_missing_parts_are_named(make_map, point_source, changes, message):
    with pytest.raises(InputError, match=message):
        estimate_ts_maps(make_map(**changes), point_source())


def test_exposure_of_zero_is_named(make_map, point_source):
    dataset = make_map()
    with pytest.raises(InputError, match="'toy' has exposure nowhere"):
        estimate_ts_maps(replace(dataset, exposure=0 * dataset.exposure), point_source())


def test_on_off_data_are_refused(make_map, point_source):
    parts = {name: getattr(make_map(), name) for name in ("geometry", "energy", "energy_true", "counts")}
    with pytest.raises(InputError, match="'ring' has off counts"):
        estimate_ts_maps(MapDatasetOnOff(name="ring", **parts), point_source())


def test_models_that_cannot_be_put_on_a_pixel_are_refused(make_map, point_source):
    with pytest.raises(InputError, match="'source' of a TS map needs a shape"):
        estimate_ts_maps(make_map(), replace_shape(point_source(), None))
    with pytest.raises(InputError, match=r"kernel_width is 0\.01 deg"):
        estimate_ts_maps(make_map(), point_source(), kernel_width=0.01 * u.deg)
    with pytest.raises(InputError, match=r"pixels wide; the map only 50 x 40"):
        estimate_ts_maps(make_map(), point_source(type="gauss", sigma="0.6 deg"))


def replace_shape(model, spatial):
    return type(model)(model.name, model.spectral, spatial)


def test_other_pixels_or_shapes_are_refused(make_map, point_source):
    dataset = make_map()
    with pytest.raises(InputError, match=r"npred has shape \(2,\)"):
        estimate_ts_maps(dataset, point_source(), np.ones(2))
    moved = WcsGeometry.create(dataset.geometry.center, [2, 1.6] * u.deg, 0.04 * u.deg, projection="TAN")
    with pytest.raises(InputError, match="'other' has other pixels"):
        estimate_ts_maps([dataset, replace(dataset, name="other", geometry=moved)], point_source())

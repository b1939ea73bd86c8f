"""Excess maps by their laws: sums over disks, known and measured background, known sources, flux, mistakes."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDatasetOnOff
from gammapy_hli.engine.estimate.excess_map import (
    count_in_disks,
    estimate_excess_maps,
    estimate_off_significance,
)
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.stats.significance import excess_interval_cash, significance_cash, significance_wstat

RADIUS = 0.12 * u.deg
N_DISK = 29  # pixels at most 3 away
MIDDLE = (0, 20, 25)


@pytest.fixture
def ring(make_map):
    """On/off data with ten times as much acceptance off."""
    dataset = make_map(level=2.0).to_image()
    parts = {name: getattr(dataset, name) for name in ("geometry", "energy", "energy_true", "counts", "exposure")}
    ones = np.ones(dataset.shape)
    off = np.random.default_rng(5).poisson(60, dataset.shape)
    return MapDatasetOnOff(name="ring", **parts, counts_off=off, acceptance=ones, acceptance_off=10 * ones)


def test_sums_are_those_of_the_disk(make_map):
    maps = estimate_excess_maps(make_map(counts=np.ones((3, 40, 50))), RADIUS)
    assert maps["counts"].data[MIDDLE] == 3 * N_DISK
    assert maps["background"].data[MIDDLE] == pytest.approx(3 * N_DISK)
    assert maps["counts"].data[0, 0, 0] == 3 * 11  # a quarter of the disk lies on the map
    assert np.abs(maps["significance"].data).max() < 1e-6


def test_significance_is_that_of_the_sums(make_map, ring):
    maps = estimate_excess_maps(make_map(), RADIUS)
    n, b = (maps[name].data[MIDDLE] for name in ("counts", "background"))
    assert maps["significance"].data[MIDDLE] == pytest.approx(float(significance_cash(n, b)))
    disks = count_in_disks(ring, RADIUS)
    expected = significance_wstat(disks.counts[MIDDLE], disks.n_off[MIDDLE], 0.1)
    assert disks.sqrt_ts[MIDDLE] == pytest.approx(float(expected), rel=1e-6)


def test_off_counts_of_the_pixel_alone(ring):
    disks = count_in_disks(ring, RADIUS, correlate_off=False)
    np.testing.assert_array_equal(disks.n_off, ring.counts_off)
    assert disks.alpha[MIDDLE] == pytest.approx(N_DISK / 10)


def test_empty_sky_is_unit_normal(make_map):
    maps = estimate_excess_maps(make_map(level=10.0), RADIUS)
    values = maps["significance"].data[0, 3:-3:6, 3:-3:6]
    assert abs(values.mean()) < 0.35  # 48 disks that do not overlap: 0.14
    assert values.std() == pytest.approx(1.0, abs=0.35)


def test_interval_and_limit(make_map, ring):
    maps = estimate_excess_maps(make_map(), RADIUS, asymmetric=True, n_sigma=1, n_sigma_ul=3)
    n, b = (maps[name].data[MIDDLE] for name in ("counts", "background"))
    down, up = excess_interval_cash(n, b, 1.0)
    assert maps["excess_errn"].data[MIDDLE] == pytest.approx(float(down))
    assert maps["excess_errp"].data[MIDDLE] == pytest.approx(float(up))
    assert maps["excess_ul"].data[MIDDLE] == pytest.approx(n - b + float(excess_interval_cash(n, b, 3.0)[1]))
    wide = estimate_excess_maps(ring, RADIUS, asymmetric=True)
    assert wide["excess_errp"].data[MIDDLE] == pytest.approx(wide["excess_err"].data[MIDDLE], rel=0.1)


@pytest.mark.parametrize(("n", "down"), [(1, 0.698290437315664), (2, 1.1024359470307508), (5, 1.9159158410414752)])
def test_lower_error_of_few_counts(n, down):
    # 2 (mu - n - n log(mu / n)) = 1; the symmetric error of one count reaches to the edge of the domain
    assert float(excess_interval_cash(n, 1.0)[0]) == pytest.approx(down, rel=1e-9)
    assert float(excess_interval_cash(n, n)[0]) == pytest.approx(down, rel=1e-9)


@pytest.mark.parametrize("kind", ["known", "measured"])
def test_known_sources_are_no_excess(make_map, ring, point_source, kind):
    dataset = make_map(level=2.0, sources=[point_source()], on_poisson=False)
    signal = predict_map(dataset, [point_source()]).signal
    if kind == "measured":
        signal = signal.sum(axis=0, keepdims=True)
        dataset = replace(ring, counts=6.0 + signal, counts_off=np.full(ring.shape, 60.0))
    bare = estimate_excess_maps(dataset, RADIUS)
    rest = estimate_excess_maps(dataset, RADIUS, signal=signal)
    assert bare["significance"].data[MIDDLE] > 10
    assert np.abs(rest["significance"].data).max() < 0.1  # counts are rounded
    assert np.abs(rest["excess"].data).max() < 0.6


def test_flux_of_a_uniform_sky(make_map):
    dataset = make_map(level=0.0, on_poisson=False)
    spectral = make_spectrum()
    edges = dataset.energy_true.edges_value("TeV")
    counts = spectral.bin_flux(edges, spectral.values).reshape(3, 2).sum(axis=1) * 3e12  # in every pixel, cm2 s
    dataset = replace(dataset, counts=np.broadcast_to(np.rint(counts)[:, None, None], dataset.shape))
    maps = estimate_excess_maps(dataset, RADIUS, spectral=spectral)
    flux = spectral.integral(1 * u.TeV, 8 * u.TeV).to_value("cm-2 s-1")
    assert maps["flux"].data[MIDDLE] == pytest.approx(N_DISK * flux, rel=0.02)  # counts are whole numbers
    assert maps["flux"].unit == maps["flux_err"].unit == u.Unit("cm-2 s-1")


def make_spectrum():
    return PowerLawSpectralModel(index=2.0, amplitude="3e-11 cm-2 s-1 TeV-1")


def test_bands_and_masks(make_map):
    dataset = make_map(counts=np.ones((3, 40, 50)))
    maps = estimate_excess_maps(dataset, RADIUS, energy_edges=[1, 2, 8] * u.TeV)
    assert maps["counts"].data[:, 20, 25].tolist() == [N_DISK, 2 * N_DISK]
    mask = np.ones(dataset.shape, dtype=bool)
    mask[:, :, :25] = False
    maps = estimate_excess_maps(replace(dataset, mask_fit=mask), RADIUS)
    assert maps["counts"].data[MIDDLE] == 3 * 18  # half of the disk and its middle column
    assert np.isnan(maps["significance"].data[0, :, :25]).all()


def test_mistakes_are_explained(make_map, ring):
    with pytest.raises(InputError, match=r"correlation radius is 0\.01 deg; expected at least one pixel, 0\.04 deg"):
        estimate_excess_maps(make_map(), 0.01 * u.deg)
    with pytest.raises(InputError, match=r"correlation radius is 1 deg; expected at most half of the map, 0\.8 deg"):
        estimate_excess_maps(make_map(), 1 * u.deg)
    with pytest.raises(
        InputError, match=r"no band of the maps: rounded to .* nothing is left between 1\.5 TeV and 1\.51 TeV"
    ):
        estimate_excess_maps(make_map(), RADIUS, energy_edges=[1.5, 1.51] * u.TeV)
    with pytest.raises(InputError, match="'toy' has no background"):
        estimate_excess_maps(make_map(background=None), RADIUS)
    with pytest.raises(InputError, match="'toy' has no counts"):
        estimate_excess_maps(make_map(counts=None), RADIUS)
    with pytest.raises(InputError, match="'ring' has no off counts"):
        estimate_excess_maps(replace(ring, counts_off=None), RADIUS)
    with pytest.raises(InputError, match="'toy' has no exposure"):
        estimate_excess_maps(make_map(exposure=None), RADIUS, spectral=make_spectrum())


def test_what_is_excluded_does_not_reach_over_its_border(make_map):
    counts = np.full((3, 40, 50), 20.0)
    counts[:, 18:22, 23:27] += 500
    dataset = make_map(counts=counts, level=20.0)
    allowed = np.ones((40, 50), dtype=bool)
    allowed[18:22, 23:27] = False
    off = estimate_off_significance(dataset, RADIUS, allowed).data[0]
    np.testing.assert_allclose(off[allowed], 0, atol=1e-4)  # counts and background are equal, but for rounding
    assert np.isnan(off[~allowed]).all()
    everywhere = estimate_excess_maps(dataset, RADIUS)["significance"].data[0]
    assert everywhere[allowed].max() > 20  # from disks that reach the source
    left = replace(dataset, mask_fit=np.broadcast_to(np.arange(50) < 30, counts.shape))
    assert np.isnan(estimate_off_significance(left, RADIUS, allowed).data[0, :, 30:]).all()

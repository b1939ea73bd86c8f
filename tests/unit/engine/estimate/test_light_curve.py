"""The light curve estimator: fluxes in intervals and bands, rows that cannot be used, joint and stacked intervals."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from scipy.stats import kstest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.time_bins import bins_by_night, bins_by_run, bins_of_intervals, bins_of_length
from gammapy_hli.engine.estimate.time_blocks import adaptive_bins, block_bins
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.light_curve import LightCurve

EDGES = [1.0, 2.4, 10.0] * u.TeV
HOUR = 3600.0


def power_law(**values):
    return Models(SkyModel("crab", PowerLawSpectralModel(**({"index": 2.3, "amplitude": 3e-11} | values))))


def at(dataset, start, stop, run=1):
    """The dataset with good time [s since 2000] and a run number."""
    return replace(dataset, gti=Gti([start], [stop]), meta={"OBS_ID": [run]})


@pytest.fixture
def curve_of(toy_counts):
    """Datasets of half an hour, one an hour, with the given factors on the amplitude."""

    def make(factors, rng=None, on_off=True, **options):
        return [
            at(
                toy_counts(power_law(amplitude=3e-11 * factor), rng, f"{k}", on_off=on_off, **options),
                k * HOUR,
                k * HOUR + 1800,
                run=100 + k,
            )
            for k, factor in enumerate(factors)
        ]

    return make


@pytest.mark.parametrize("on_off", [True, False], ids=["wstat", "cash"])
def test_norms_are_the_factors_of_the_data(curve_of, on_off):
    factors = [0.5, 1.0, 4.0]
    curve = estimate_light_curve(curve_of(factors, on_off=on_off), power_law(), "crab", energy_edges=EDGES)
    np.testing.assert_allclose(curve.norm, np.tile(factors, (2, 1)).T, rtol=1e-9)
    np.testing.assert_allclose(curve.sqrt_ts**2, curve.ts)
    assert curve.success.all()
    assert (curve.norm_errn < curve.norm_err).all()
    assert (curve.norm_err < curve.norm_errp).all()
    assert curve.reason == ("", "", "")
    assert curve.interval == ("100", "101", "102")
    assert curve.livetime.tolist() == [1800] * 3
    np.testing.assert_allclose((curve.time_max - curve.time_min) * 86400, 1800, atol=1e-5)


def test_one_interval_is_a_set_of_flux_points(curve_of):
    datasets = curve_of([1.0, 1.5, 0.7], np.random.default_rng(1))
    points = estimate_flux_points(datasets, power_law(), "crab", energy_edges=EDGES)
    curve = estimate_light_curve(
        datasets, power_law(), "crab", bins_of_intervals(datasets, Gti([0.0], [1e6])), energy_edges=EDGES
    )
    for name in ("norm", "norm_err", "norm_errp", "norm_errn", "norm_ul", "ts", "stat", "stat_null"):
        np.testing.assert_allclose(getattr(curve, name)[0], getattr(points, name), rtol=1e-9)
    for name in ("counts", "npred", "npred_excess"):
        np.testing.assert_allclose(getattr(curve, name)[0], getattr(points, name).sum(axis=1), rtol=1e-9)


def test_rows_do_not_know_of_each_other(curve_of):
    datasets = curve_of([1.0, 1.5, 0.7, 2.0], np.random.default_rng(2))
    both = estimate_light_curve(datasets, power_law(), "crab", energy_edges=EDGES)
    for k in range(4):
        alone = estimate_light_curve([datasets[k]], power_law(), "crab", energy_edges=EDGES)
        for name in ("norm", "norm_err", "norm_ul", "exposure"):
            np.testing.assert_allclose(getattr(both, name)[k], getattr(alone, name)[0], rtol=1e-10)


def test_exposure_is_predicted_counts_over_reference_flux(curve_of):
    curve = estimate_light_curve(curve_of([1.0, 2.0]), power_law(), "crab", energy_edges=EDGES)
    np.testing.assert_allclose(curve.exposure * 1e4 * curve.flux.value, curve.npred_excess)


def test_rows_that_cannot_be_used_have_their_reason_and_stop_no_other(curve_of):
    datasets = curve_of([1.0] * 5)
    high = np.arange(8) >= 3
    datasets[1] = replace(datasets[1], mask_safe=np.zeros(8, dtype=bool))
    datasets[2] = replace(datasets[2], counts_off=None)
    datasets[3] = replace(datasets[3], mask_safe=high)
    datasets[4] = replace(datasets[4], counts=np.zeros(8), counts_off=np.zeros(8))
    curve = estimate_light_curve(datasets, power_law(), "crab", energy_edges=EDGES)
    assert curve.success.tolist() == [[True, True], [False] * 2, [False] * 2, [False, True], [True, True]]
    assert "no safe energy bin" in curve.reason[1]
    assert "no off counts" in curve.reason[2]
    assert curve.reason[3] == "1 to 2.371 TeV: below the threshold of 2.371 TeV"
    assert np.isnan(curve.norm[1:3]).all()
    assert np.isfinite(curve.norm_ul[4]).all()
    assert curve.is_ul[4].all()
    assert curve.variability.n_points.tolist() == [2, 3]


def test_intervals_whose_data_were_lost_are_rows(curve_of):
    lost = {"7": (0.5 * HOUR, 0.9 * HOUR, "no off region")}
    curve = estimate_light_curve(curve_of([1.0, 2.0]), power_law(), "crab", energy_edges=EDGES, lost=lost)
    assert curve.interval == ("100", "7", "101")
    assert curve.reason == ("", "no off region", "")
    assert curve.success.tolist() == [[True] * 2, [False] * 2, [True] * 2]
    assert curve.counts[1].tolist() == [0, 0]


def test_stacked_and_joint_intervals_agree_where_runs_are_alike(curve_of):
    datasets = curve_of([1.0] * 4)
    bins = bins_of_intervals(datasets, Gti([0.0, 2 * HOUR], [2 * HOUR, 4 * HOUR]))
    joint, stacked = (
        estimate_light_curve(datasets, power_law(), "crab", bins, energy_edges=EDGES, per_interval=way)
        for way in ("joint", "stack")
    )
    np.testing.assert_allclose(stacked.norm, joint.norm, rtol=1e-9)
    np.testing.assert_allclose(stacked.norm_err, joint.norm_err, rtol=1e-6)
    assert stacked.members == joint.members == ("0 1", "2 3")


def test_a_constant_source_has_uniform_p_values(curve_of):
    """The test against a constant, with some 20 counts an interval; the seed is fixed, the bound is 1 in 100."""
    rng = np.random.default_rng(5)
    p_values = [
        estimate_light_curve(curve_of([0.03] * 12, rng, background=0.5), power_law(), "crab").variability.p_value[0]
        for _ in range(100)
    ]
    assert kstest(p_values, "uniform").pvalue > 0.01


# -- intervals -----------------------------------------------------------------------------------------------------


def test_parts_of_a_run_are_one_interval_by_run(toy_counts):
    empty = toy_counts(power_law())
    datasets = [
        at(replace(empty, name=n), a, b, run) for n, a, b, run in (("2_1", 5, 6, 2), ("1_0", 0, 2, 1), ("1_1", 2, 4, 1))
    ]
    bins = bins_by_run(datasets)
    assert bins.names == ("1", "2")
    assert bins.members == ((1, 2), (0,))
    assert bins.start.tolist() == [0, 5]
    assert bins.stop.tolist() == [4, 6]


def test_runs_of_two_telescopes_with_one_number_are_two_intervals(toy_counts):
    empty = toy_counts(power_law())
    pairs = [("a-1", "HESS", 0), ("b-1", "MAGIC", 5), ("b-2", "MAGIC", 8)]
    datasets = [at(replace(empty, name=name), hour, hour + 1, int(name[-1])) for name, _, hour in pairs]
    datasets = [replace(d, meta=d.meta | {"TELESCOP": [t]}) for d, (_, t, _) in zip(datasets, pairs, strict=True)]
    bins = bins_by_run(datasets)
    assert bins.names == ("HESS-1", "MAGIC-1", "2")
    assert bins.members == ((0,), (1,), (2,))
    assert bins.stop.tolist() == [1, 6, 9]


def test_nights_end_with_a_long_pause(toy_counts):
    empty = toy_counts(power_law())
    starts = [0, 2 * HOUR, 24 * HOUR, 25 * HOUR, 48 * HOUR]
    datasets = [at(replace(empty, name=str(k)), t, t + 1800) for k, t in enumerate(starts)]
    bins = bins_by_night(datasets)
    assert [len(group) for group in bins.members] == [2, 2, 1]
    assert bins.names[1] == "2000-01-01"


def test_a_dataset_over_an_edge_is_left_out_with_its_reason(curve_of):
    bins = bins_of_intervals(curve_of([1.0] * 3), Gti([0.0, HOUR + 60], [HOUR, 9 * HOUR]))
    assert bins.members == ((0,), (2,))
    assert list(bins.left_out) == ["1"]
    assert "over the edge of interval 1" in bins.left_out["1"]


def test_intervals_without_data_are_not_there(curve_of):
    bins = bins_of_length(curve_of([1.0] * 3), 1200 * u.s * 1.5)
    assert bins.names == ("0", "2", "4")
    assert bins.members == ((0,), (1,), (2,))


def test_intervals_of_a_length_begin_where_they_are_told_to(curve_of):
    datasets = curve_of([1.0] * 3)  # at 0, 1 and 2 hours
    start = DEFAULT_REFERENCE + 0.75 * u.hour
    bins = bins_of_length(datasets, 1 * u.hour, start)
    assert bins.members == ((1,), (2,))
    assert "outside all intervals" in bins.left_out["0"]
    with pytest.raises(InputError, match="no dataset starts after 2000-01-02"):
        bins_of_length(datasets, 1 * u.hour, start + 1 * u.day)


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        (Gti([0.0, 3000.0], [3600.0, 7200.0]), "intervals overlap: number 0 ends at 2000-01-01T00:58:55.816"),
        (Gti([1e6], [2e6]), r"no dataset lies inside one of the 1 intervals .* outside all intervals\. Cut the runs"),
    ],
    ids=["overlap", "empty"],
)
def test_intervals_that_cannot_be_used_are_told(curve_of, intervals, words):
    with pytest.raises(InputError, match=words):
        bins_of_intervals(curve_of([1.0]), intervals)


def test_a_dataset_without_good_time_is_refused(toy_counts):
    with pytest.raises(InputError, match="dataset toy: no good time intervals"):
        estimate_light_curve([toy_counts(power_law())], power_law(), "crab")


def test_adaptive_intervals_reach_the_significance(curve_of):
    datasets = curve_of([0.02] * 40, np.random.default_rng(3), background=0.5)
    bins = adaptive_bins(datasets, bins_by_run(datasets), 6.0, EDGES)
    curve = estimate_light_curve(datasets, power_law(), "crab", bins)
    assert 2 < len(bins) < 40
    assert (curve.sqrt_ts[:-1, 0] > 5.5).all()
    assert sum(bins.members, ()) == tuple(range(40))


def test_bayesian_blocks_find_the_step(curve_of):
    datasets = curve_of([1.0] * 6 + [3.0] * 5, np.random.default_rng(4))
    bins = block_bins(datasets, power_law(), "crab", bins_by_run(datasets))
    assert bins.members == (tuple(range(6)), tuple(range(6, 11)))
    assert bins.names == ("100-105", "106-110")


# -- the product ---------------------------------------------------------------------------------------------------


@pytest.fixture
def with_holes(curve_of):
    datasets = curve_of([1.0, 2.0, 1.2], np.random.default_rng(6))
    datasets[1] = replace(datasets[1], mask_safe=np.arange(8) >= 3)
    return estimate_light_curve(datasets, power_law(), "crab", energy_edges=EDGES)


@pytest.mark.parametrize("name", ["c.fits", "c.ecsv"])
def test_files_give_everything_back(with_holes, tmp_path, name):
    with_holes.write(tmp_path / name)
    assert LightCurve.read(tmp_path / name) == with_holes
    first = (tmp_path / name).read_bytes()
    LightCurve.read(tmp_path / name).write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_a_curve_of_one_interval_and_one_band_goes_through_files(curve_of, tmp_path):
    curve = estimate_light_curve(curve_of([1.0]), power_law(), "crab")
    for name in ("c.fits", "c.ecsv"):
        assert LightCurve.read(curve.write(tmp_path / name)) == curve


@pytest.mark.parametrize("name", ["c.fits", "c.ecsv"])
def test_a_source_with_a_name_beyond_ascii_goes_through_files(curve_of, tmp_path, name):
    curve = replace(estimate_light_curve(curve_of([3e-12, 4e-12]), power_law(), "crab"), source="η Car")
    assert LightCurve.read(curve.write(tmp_path / name)) == curve


def test_other_files_are_refused(with_holes, tmp_path):
    with pytest.raises(InputError, match=r"written to \.fits or \.ecsv, not to '\.txt'"):
        with_holes.write(tmp_path / "c.txt")
    with pytest.raises(InputError, match=r"c\.fits: cannot be read as a light curve"):
        LightCurve.read(tmp_path / "c.fits")


def test_flux_is_the_norm_times_the_reference(with_holes):
    np.testing.assert_array_equal(with_holes.flux.value, with_holes.norm * with_holes.ref_flux)
    np.testing.assert_allclose(
        with_holes.quantity("e2dnde", "_ul").value, with_holes.norm_ul * with_holes.ref_dnde * with_holes.e_ref**2
    )
    with pytest.raises(InputError, match=r"no SED type 'flx'\. Did you mean 'flux'"):
        with_holes.quantity("flx")


def test_summary_tells_bands_and_variability(with_holes):
    text = repr(with_holes)
    assert "3, 3 of them with a flux" in text
    assert "1 to 2.37 TeV" in text
    assert "Fvar" in text


def test_adaptive_intervals_tell_where_the_significance_is_not_reached(curve_of):
    datasets = curve_of([0.02] * 5, np.random.default_rng(3), background=0.5)
    bins = adaptive_bins(datasets, bins_by_run(datasets), 1e9, EDGES)
    assert len(bins) == 1
    assert "the 1e+09 asked for are not reached" in bins.notes[bins.names[0]]
    curve = estimate_light_curve(datasets, power_law(), "crab", bins)
    assert bins.notes[bins.names[0]] in curve.reason[0]
    assert adaptive_bins(datasets, bins_by_run(datasets), 1e-9, EDGES).notes == {}


@pytest.mark.parametrize("edges", [[500, 900], [1.0, 1.001]], ids=["above", "inside a bin"])
def test_bands_that_hold_no_bin_are_an_error_with_the_energies_of_the_datasets(curve_of, edges):
    with pytest.raises(InputError, match=r"no band of the light curve: .* bins of the datasets.* nothing is left"):
        estimate_light_curve(curve_of([1.0]), power_law(), "crab", energy_edges=edges * u.TeV)

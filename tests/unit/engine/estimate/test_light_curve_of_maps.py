"""Light curves of map datasets by their laws: factors of the data, backgrounds of each run, sums, spectra."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.estimate.interval_spectra import fit_intervals, interval_works
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.time_bins import bins_by_run, bins_of_intervals
from gammapy_hli.engine.estimate.time_blocks import adaptive_map_bins
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.predict.map_total import predict_map

from ..fit.test_map_fit import background, make_dataset, source

EDGES = [1.0, 2.0, 8.0] * u.TeV
FACTORS, NORMS = (0.5, 1.0, 3.0), (0.8, 1.0, 1.3)


def with_weights(dataset):
    """The dataset with exposures of its responses, which their sum needs."""
    weight = np.full((6, *dataset.psf.geometry.shape), 3e9) * u.Unit("m2 s")
    psf, edisp = (replace(irf, exposure=weight) for irf in (dataset.psf, dataset.edisp))
    return replace(dataset, psf=psf, edisp=edisp)


@pytest.fixture(scope="module")
def models():
    other = source("gauss", lon=83.4, name="other", amplitude=1e-11)
    return Models([source(), other, *(background(str(k), norm) for k, norm in enumerate(NORMS))])


@pytest.fixture(scope="module")
def datasets(models):
    """What is expected from three runs, each with a factor on the source and on the background of its own."""
    made = []
    for k, factor in enumerate(FACTORS):
        dataset = with_weights(make_dataset(str(k)))
        truth = models.with_values({"crab.spectral.amplitude": 2e-11 * factor})
        counts = predict_map(dataset, truth.for_dataset(str(k))).npred
        times = {"gti": Gti([3600.0 * k], [3600.0 * k + 1800]), "meta": {"OBS_ID": [k]}, "livetime": 1800 * u.s}
        made.append(replace(dataset, counts=counts, **times))
    return made


def test_norms_are_the_factors_of_the_data(datasets, models):
    curve = estimate_light_curve(datasets, models, "crab", energy_edges=EDGES)
    np.testing.assert_allclose(curve.norm, np.tile(FACTORS, (2, 1)).T, rtol=1e-5)
    np.testing.assert_allclose(curve.npred, curve.counts, atol=0.51)  # counts are told as whole numbers
    assert curve.livetime.tolist() == [1800.0] * 3


@pytest.mark.parametrize("way", ["joint", "stack"])
def test_an_interval_of_several_runs_has_their_mean(datasets, models, way):
    bins = bins_of_intervals(datasets, Gti([0.0], [12000.0]))
    curve = estimate_light_curve(datasets, models, "crab", bins, energy_edges=EDGES, per_interval=way)
    # joint: weighted with the backgrounds; stack: alike responses make the sum exact
    np.testing.assert_allclose(curve.norm, np.mean(FACTORS), rtol=0.02 if way == "joint" else 1e-4)


def test_runs_without_an_interval_do_not_matter(datasets, models):
    bins = bins_of_intervals(datasets, Gti([3600.0], [7200.0]))
    alone = estimate_light_curve(datasets, models, "crab", bins, energy_edges=EDGES)
    np.testing.assert_allclose(alone.norm, [[1.0, 1.0]], rtol=1e-5)


def test_spectra_of_the_intervals_come_back(datasets, models):
    bins = bins_by_run(datasets)
    fits = fit_intervals(interval_works(datasets, models, "crab", bins))
    curve = estimate_light_curve(datasets, models, "crab", bins, energy_edges=EDGES, fits=fits)
    assert curve.spectra.status.tolist() == [""] * 3
    np.testing.assert_allclose(curve.spectra.quantity("index")[0].value, 2.3, atol=2e-3)
    np.testing.assert_allclose(curve.norm, np.tile(FACTORS, (2, 1)).T, rtol=2e-3)


def test_sums_do_not_keep_sources_of_some_runs_apart(datasets):
    restricted = Models([source(datasets_names=("1",))])
    with pytest.raises(InputError, match="source 'crab' is for the datasets 1 only, which sums do not keep apart"):
        estimate_light_curve(datasets, restricted, "crab", per_interval="stack")
    curve = estimate_light_curve(datasets, restricted, "crab")
    assert curve.success[:, 0].tolist() == [False, True, False]
    fits = fit_intervals(interval_works(datasets, restricted, "crab", bins_by_run(datasets)))
    assert [each.success for each in fits] == [False, True, False]


def test_adaptive_intervals_end_at_the_significance_of_the_source(datasets, models):
    runs = bins_by_run(datasets)
    alone = estimate_light_curve(datasets, models, "crab").sqrt_ts[:, 0]
    for least, number in ((0.5 * alone.min(), 3), (1.1 * alone[0], 2), (10 * alone.max(), 1)):
        bins = adaptive_map_bins(datasets, models, "crab", runs, least)
        assert len(bins) == number
        found = estimate_light_curve(datasets, models, "crab", bins).sqrt_ts[:, 0]
        assert (found[:-1] >= least).all()

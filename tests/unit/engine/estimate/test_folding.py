"""Folded light curves: which phase an interval has, and the flux of the phases."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.ephemeris import Ephemeris
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE
from gammapy_hli.engine.estimate.folding import Folding
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.time_bins import bins_by_run
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.light_curve import LightCurve

EDGES = [1.0, 2.4, 10.0] * u.TeV
PERIOD = 9000.0
EPHEMERIS = Ephemeris(DEFAULT_REFERENCE, 1 / PERIOD)
QUARTERS = Folding(EPHEMERIS, np.array([0.0, 0.25, 0.5, 0.75, 1.0]))


def power_law(amplitude=3e-11):
    return Models(SkyModel("crab", PowerLawSpectralModel(index=2.3, amplitude=amplitude)))


@pytest.fixture
def runs(toy_counts):
    """Twelve runs of 600 s in the middle of quarters of turns, with a factor for each quarter on the amplitude."""

    def make(factors, rng=None):
        made = []
        for k in range(12):
            dataset = toy_counts(power_law(3e-11 * factors[k % 4]), rng, str(k), scale=1 + 0.5 * (k // 4))
            start = (k + 0.5) * PERIOD / 4 - 300
            made.append(replace(dataset, gti=Gti([start], [start + 600]), meta={"OBS_ID": [k]}))
        return made

    return make


@pytest.mark.parametrize(
    ("edges", "phase", "place"),
    [
        ([0.0, 0.5, 1.0], 0.0, 0),
        ([0.0, 0.5, 1.0], 0.5, 1),
        ([0.0, 0.5, 1.0], 0.999999, 1),
        ([0.1, 0.5], 0.05, -1),
        ([0.1, 0.5], 0.5, -1),
        ([-0.2, 0.1], 0.9, 0),
        ([-0.2, 0.1], 0.05, 0),
        ([0.8, 1.1], 0.05, 0),
        ([1e-18, 0.5, 1.0], 0.0, 0),
    ],
)
def test_phases_lie_between_edges_of_any_turn(edges, phase, place):
    assert Folding(EPHEMERIS, np.array(edges)).place(np.array([phase])).tolist() == [place]


@pytest.mark.parametrize("edges", [[0.0], [0.5, 0.5], [0.5, 0.2], [0.0, 1.5]])
def test_edges_that_are_no_phases_are_refused(edges):
    with pytest.raises(ValueError, match="edges of phases are"):
        Folding(EPHEMERIS, np.array(edges))


def test_fluxes_are_those_of_the_phases(runs):
    factors = [1.0, 0.5, 2.0, 1.5]
    curve = estimate_light_curve(runs(factors), power_law(), "crab", energy_edges=EDGES, folding=QUARTERS)
    folded = curve.folded
    np.testing.assert_allclose(folded.norm, np.tile(factors, (2, 1)).T, rtol=1e-9)
    np.testing.assert_allclose(folded.flux.value, folded.norm * curve.ref_flux)
    assert folded.n_intervals.tolist() == [3] * 4
    assert folded.livetime.tolist() == [5400.0] * 4
    np.testing.assert_allclose(folded.exposure[0], curve.exposure[::4].sum(axis=0))
    np.testing.assert_array_equal(folded.counts[1], curve.counts[1::4].sum(axis=0))
    assert (folded.p_value < 1e-6).all()


def test_a_constant_source_has_no_chi2(runs):
    folded = estimate_light_curve(runs([1.0] * 4), power_law(), "crab", folding=QUARTERS).folded
    assert folded.chi2 == pytest.approx([0.0], abs=1e-9)
    assert folded.dof.tolist() == [3]
    assert folded.p_value == pytest.approx([1.0])


def test_errors_are_smaller_than_those_of_the_intervals(runs):
    curve = estimate_light_curve(runs([1.0] * 4, np.random.default_rng(1)), power_law(), "crab", folding=QUARTERS)
    parts = curve.norm_err[::4]
    assert curve.folded.norm_err[0] == pytest.approx(np.sum(parts**-2.0, axis=0) ** -0.5, rel=0.05)


def test_intervals_outside_the_edges_and_without_flux_do_not_count(runs):
    datasets = runs([1.0, 2.0, 3.0, 4.0])
    datasets[0] = replace(datasets[0], counts_off=None)
    half = Folding(EPHEMERIS, np.array([0.0, 0.25, 0.5]))
    folded = estimate_light_curve(datasets, power_law(), "crab", folding=half).folded
    assert folded.n_intervals.tolist() == [2, 3]
    assert folded.norm[:, 0] == pytest.approx([1.0, 2.0])


def test_a_phase_without_data_is_a_row_without_flux(runs):
    tenths = Folding(EPHEMERIS, np.linspace(0, 1, 11))
    folded = estimate_light_curve(runs([1.0] * 4), power_law(), "crab", folding=tenths).folded
    assert folded.success[:, 0].tolist() == [False, True, False, True, False, False, True, False, True, False]
    assert folded.dof.tolist() == [3]


def test_intervals_longer_than_a_turn_have_no_phase(runs):
    fast = Folding(Ephemeris(DEFAULT_REFERENCE, 29.9), np.array([0.0, 0.5, 1.0]))
    with pytest.raises(InputError, match=r"interval 0 is 600 s long, 1\.79e\+04 turns of the ephemeris"):
        estimate_light_curve(runs([1.0] * 4), power_law(), "crab", folding=fast)


def test_intervals_longer_than_a_bin_are_told(runs):
    datasets = runs([1.0] * 4)
    assert QUARTERS.smeared(bins_by_run(datasets)) == []
    fine = Folding(EPHEMERIS, np.linspace(0, 1, 21))
    assert len(fine.smeared(bins_by_run(datasets))) == 12


def test_an_ephemeris_of_another_time_is_an_error(runs):
    old = Ephemeris(DEFAULT_REFERENCE, 1 / PERIOD, stop=DEFAULT_REFERENCE + 1 * u.h)
    with pytest.raises(InputError, match=r"is outside the ephemeris, which is valid from any time to 2000-01-01T00:58"):
        estimate_light_curve(runs([1.0] * 4), power_law(), "crab", folding=Folding(old, QUARTERS.edges))


def test_files_hold_the_folded_curve(runs, tmp_path):
    epoch = Time(51544.5, format="mjd", scale="tdb")
    folding = Folding(Ephemeris(epoch, 1 / PERIOD, f1=1e-14, phase0=0.1), QUARTERS.edges)
    curve = estimate_light_curve(runs([1.0, 0.5, 2.0, 1.5]), power_law(), "crab", energy_edges=EDGES, folding=folding)
    back = LightCurve.read(curve.write(tmp_path / "c.fits"))
    assert back == curve
    assert back.folded.epoch_scale == "tdb"
    assert back.folded.f1 == 1e-14
    assert "phase bins" in repr(back.folded)

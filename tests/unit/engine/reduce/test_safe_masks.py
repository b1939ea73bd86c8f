"""Safe masks, each method against a threshold that is known."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.reduce.off_positions import with_off_counts
from gammapy_hli.engine.reduce.response_background import ResponseBackground
from gammapy_hli.engine.reduce.safe_mask import (
    SafeMaskPlan,
    aeff_threshold,
    background_is_valid,
    bias_threshold,
    make_safe_mask,
    mask_bkg_peak,
)
from gammapy_hli.engine.reduce.spectrum import reduce_observation

TRUE = Axis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=30, name="energy_true")
CENTER = TRUE.center.to_value("TeV")


def test_aeff_threshold_of_a_power_law_is_exact():
    area = np.minimum(CENTER**2, 4.0)  # 10 % of its maximum at 0.63 TeV
    assert_allclose(aeff_threshold(area, TRUE, 10).to_value("TeV"), np.sqrt(0.4), rtol=1e-12)


def test_aeff_threshold_ignores_leading_zeros():
    area = np.where(CENTER > 0.3, CENTER, 0.0)
    assert_allclose(aeff_threshold(area, TRUE, 10).to_value("TeV"), 0.1 * area.max(), rtol=1e-12)


def test_area_that_starts_high_is_safe_from_its_first_bin():
    area = np.where(CENTER > 0.3, 1.0, 0.0)
    assert aeff_threshold(area, TRUE, 10).to_value("TeV") == CENTER[CENTER > 0.3][0]


def test_falling_area_does_not_make_a_threshold():
    assert aeff_threshold(1 / CENTER, TRUE, 10) == TRUE.center[0]


def make_edisp(bias):
    """Response that shifts each energy by a bias, on a fine axis."""
    reco = Axis.from_energy_bounds("0.01 TeV", "1000 TeV", nbin=2000)
    edisp = np.zeros((TRUE.nbin, reco.nbin))
    edisp[np.arange(TRUE.nbin), reco.index(CENTER * (1 + bias) * u.TeV)] = 1
    return edisp, reco


def test_bias_threshold_is_where_the_bias_falls_below_the_limit():
    edisp, reco = make_edisp(0.1 / CENTER)  # 10 % at 1 TeV
    # bins of 0.6 % blur the bias
    assert_allclose(bias_threshold(edisp, TRUE, reco, 10).to_value("TeV"), 1.1, rtol=0.03)


def test_bias_counts_from_its_maximum_upwards():
    edisp, reco = make_edisp(np.exp(-(np.log(CENTER / 3) ** 2) / 2))
    expected = 3 * np.exp(np.sqrt(2 * np.log(10)))
    assert_allclose(bias_threshold(edisp, TRUE, reco, 10).to_value("TeV"), expected * 1.1, rtol=0.03)


def test_bias_always_small_gives_the_energy_of_its_maximum():
    edisp, reco = make_edisp(np.where(np.arange(TRUE.nbin) == 4, 0.05, 0.0))
    assert_allclose(bias_threshold(edisp, TRUE, reco, 10).to_value("TeV"), CENTER[4] * 1.1, rtol=1e-12)


def mask_of(observation, plan, **options):
    return reduce_observation(observation, replace(plan, safe_mask=SafeMaskPlan(**options))).mask_safe


def test_aeff_default_takes_the_thresholds_of_the_file(make_observation, plan, responses):
    low = replace(responses["aeff"], energy_min=2 * u.TeV, energy_max=20 * u.TeV)
    assert_array_equal(mask_of(make_observation(aeff=low), plan), [False, True])
    high = replace(responses["aeff"], energy_min=0 * u.TeV, energy_max=5 * u.TeV)
    assert_array_equal(mask_of(make_observation(aeff=high), plan), [True, False])
    assert_array_equal(mask_of(make_observation(), plan), [True, True])


def test_offset_max_takes_or_leaves_the_whole_run(make_observation, plan):
    for limit, expected in ((0.4, False), (0.6, True)):
        mask = mask_of(make_observation(), plan, methods=("offset-max",), offset_max=limit * u.deg)
        assert_array_equal(mask, expected)


def test_position_chooses_the_offset_of_the_area(make_observation, plan, responses):
    aeff = responses["aeff"]
    energy = aeff.energy_true.center.to_value("TeV")[:, None]
    steep = np.minimum(energy**4, 1e4) * np.array([0, 1, 1]) + np.array([1, 0, 0])
    observation = make_observation(aeff=replace(aeff, data=steep * u.m**2))
    far = SkyCoord(83.63, 23.01, unit="deg")
    assert_array_equal(mask_of(observation, plan, methods=("aeff-max",), position=far), [False, False])
    near = SkyCoord(83.63, 21.51, unit="deg")
    assert_array_equal(mask_of(observation, plan, methods=("aeff-max",), position=near), [True, True])


def test_methods_are_joined_by_and(make_observation, plan, responses):
    aeff = replace(responses["aeff"], energy_min=2 * u.TeV)
    mask = mask_of(make_observation(aeff=aeff), plan, methods=("aeff-default", "offset-max"), offset_max=0.1 * u.deg)
    assert_array_equal(mask, False)


def test_bkg_peak_starts_at_the_largest_background(make_observation, plan):
    dataset = reduce_observation(make_observation(), plan)
    options = SafeMaskPlan(methods=("bkg-peak",))
    for background, expected in (([1.0, 3.0], [False, True]), ([3.0, 1.0], [True, True])):
        with_background = replace(dataset, background=np.array(background))
        assert_array_equal(mask_bkg_peak(with_background, None, options, 0 * u.deg), expected)


def test_bkg_peak_of_on_off_is_that_of_the_null_hypothesis(make_observation, plan):
    off = {"counts_off": np.array([8.0, 9.0]), "acceptance": np.ones(2), "acceptance_off": np.array([2.0, 2.0])}
    dataset = with_off_counts(replace(reduce_observation(make_observation(), plan), counts=np.array([4.0, 0.0])), **off)
    # alpha (n_on + n_off) / (1 + alpha): 4 and 3, although the second bin has more off counts
    assert_array_equal(mask_bkg_peak(dataset, None, SafeMaskPlan(), 0 * u.deg), [True, True])


def test_bkg_peak_without_background_is_refused(make_observation, plan):
    options = SafeMaskPlan(methods=("bkg-peak",))
    with pytest.raises(ValueError, match="bkg-peak needs a background"):
        replace(plan, safe_mask=options)
    dataset = reduce_observation(make_observation(), plan)
    with pytest.raises(ItemError, match="bkg-peak needs a background"):
        make_safe_mask(dataset, make_observation(), options, 0 * u.deg)


def test_background_that_makes_no_sense_is_masked(make_observation, plan):
    dataset = reduce_observation(make_observation(), plan)
    assert_array_equal(background_is_valid(replace(dataset, background=np.array([0.0, 2.0]))), [False, True])
    assert_array_equal(background_is_valid(replace(dataset, background=np.array([np.nan, 2.0]))), [False, True])
    off = {"counts_off": np.zeros(2), "acceptance": np.ones(2), "acceptance_off": np.ones(2)}
    assert background_is_valid(with_off_counts(dataset, **off)).all()


def test_unknown_method_suggests():
    with pytest.raises(ValueError, match=r"'aeff-mx' is no safe mask method\. Did you mean 'aeff-max'"):
        SafeMaskPlan(methods=("aeff-mx",))


@pytest.mark.parametrize("name", ["aeff_percent", "bias_percent"])
def test_percent_beyond_100_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 101"):
        SafeMaskPlan(**{name: 101})


def test_energies_without_background_response_are_masked(make_observation, plan, responses):
    energy = Axis.from_energy_bounds("4 TeV", "300 TeV", nbin=30)
    bkg = replace(responses["bkg"], energy=energy)
    dataset = reduce_observation(make_observation(bkg=bkg), replace(plan, background=ResponseBackground()))
    assert_array_equal(dataset.background, 0)  # a power law from zero has no integral
    assert_array_equal(dataset.mask_safe, False)

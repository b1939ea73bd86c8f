"""Containers of spectra: checks, frozen arrays, derived numbers."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset


def test_arrays_are_copies_that_cannot_be_written(common):
    counts = np.ones(4, dtype=int)
    dataset = SpectrumDataset(**{**common, "counts": counts})
    counts[0] = 99
    assert dataset.counts[0] == 1
    assert dataset.counts.dtype == float
    with pytest.raises(ValueError, match="read-only"):
        dataset.counts[0] = 2
    with pytest.raises(AttributeError, match="cannot assign"):
        dataset.name = "2"


@pytest.mark.parametrize("name", ["counts", "mask_safe", "edisp", "exposure"])
def test_wrong_shape_names_the_array_and_both_shapes(common, name):
    wrong = common[name][:-1]
    with pytest.raises(ValueError, match=rf"dataset 1: {name} has shape \({len(wrong)},"):
        SpectrumDataset(**{**common, name: wrong})


def test_on_off_without_acceptance_is_refused(make_on_off):
    with pytest.raises(ValueError, match="acceptance_off is missing"):
        make_on_off(acceptance_off=None)


def test_exposure_is_kept_in_m2_s(common):
    dataset = SpectrumDataset(**{**common, "exposure": common["exposure"].to("cm2 h")})
    assert dataset.exposure.unit == "m2 s"
    assert_allclose(dataset.exposure.value, common["exposure"].value, rtol=1e-14)


def test_statistic_follows_from_the_kind_of_background(make_cash, make_on_off):
    assert make_cash().statistic == "cash"
    assert make_on_off().statistic == "wstat"


def test_background_of_on_off_is_alpha_times_off(make_on_off):
    dataset = make_on_off()
    assert_array_equal(dataset.alpha, 0.25)
    assert_array_equal(dataset.background, [5, 2.5, 1.5, 0])
    assert_array_equal(dataset.excess, [2, 2.5, 1.5, 0])


def test_alpha_is_zero_without_off_acceptance(make_on_off):
    assert_array_equal(make_on_off(acceptance_off=np.array([0.0, 4, 4, 4])).alpha, [0, 0.25, 0.25, 0.25])


def test_info_counts_all_and_safe_bins(make_on_off):
    info = make_on_off().info()
    assert (info["n_on"], info["n_off"], info["n_on_safe"], info["n_off_safe"]) == (15, 36, 8, 16)
    assert info["alpha"] == 0.25
    assert info["excess"] == 4
    # Li & Ma 1983, eq. 17, for 8 on, 16 off, alpha 0.25
    expected = np.sqrt(2 * (8 * np.log(5 * 8 / 24) + 16 * np.log(1.25 * 16 / 24)))
    assert_allclose(info["sqrt_ts"], expected, rtol=1e-12)
    assert info["energy_threshold"] == make_on_off().energy.edges[1]


def test_alpha_of_info_is_weighted_with_off_counts(make_on_off):
    dataset = make_on_off(acceptance_off=np.array([4.0, 4, 2, 4]))
    assert_allclose(dataset.info()["alpha"], (0.25 * 10 + 0.5 * 6) / 16, rtol=1e-15)


def test_info_of_cash_has_no_off_numbers(make_cash):
    info = make_cash().info()
    assert info["n_off"] is None
    assert info["alpha"] is None
    assert info["excess"] == 8 - 3.5
    assert_allclose(info["sqrt_ts"], np.sqrt(2 * (8 * np.log(8 / 3.5) - 4.5)), rtol=1e-12)


def test_info_without_safe_bins_is_nan_and_not_an_error(make_on_off):
    info = make_on_off(mask_safe=np.zeros(4, dtype=bool)).info()
    assert np.isnan(info["energy_threshold"])
    assert np.isnan(info["sqrt_ts"])
    assert info["n_on_safe"] == 0


def test_datasets_pickle(make_on_off):
    copy = pickle.loads(pickle.dumps(make_on_off()))
    assert_array_equal(copy.background, make_on_off().background)
    assert copy.regions_off.same_as(make_on_off().regions_off)


def test_summary_is_short_text(make_cash, make_on_off):
    assert "safe_bins" in repr(make_on_off())
    assert "3 of 4" in make_cash()._repr_html_()


def test_livetime_converts(common):
    assert SpectrumDataset(**{**common, "livetime": 0.5 * u.h}).livetime.value == 1800

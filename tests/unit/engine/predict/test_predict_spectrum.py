"""Folding of spectra: matrices of datasets, groups, and which bins count."""

import astropy.units as u
import numpy as np

from gammapy_hli.engine.predict.spectrum import group_datasets, response_matrix, used_bins


def test_matrix_is_exposure_in_cm2_times_dispersion(toy_dataset):
    dataset = toy_dataset()
    expected = dataset.exposure.value[3] * 1e4 * dataset.edisp[3, 2]
    assert np.isclose(response_matrix(dataset)[3, 2], expected, rtol=1e-12)


def test_responses_that_are_not_finite_count_as_zero(toy_dataset):
    from dataclasses import replace

    dataset = toy_dataset()
    broken = replace(dataset, exposure=np.full(16, np.nan) * u.Unit("m2 s"))
    assert not response_matrix(broken).any()


def test_used_bins_lie_inside_the_range_and_the_safe_mask(toy_dataset):
    mask = np.ones(8, dtype=bool)
    mask[3] = False
    used = used_bins(toy_dataset(mask=mask), (1.3 * u.TeV, 9 * u.TeV))
    assert used.tolist() == [False, True, True, False, True, True, True, False]


def test_no_bin_is_used_without_off_counts(toy_dataset):
    from dataclasses import replace

    assert not used_bins(replace(toy_dataset(), counts_off=None), None).any()


def test_datasets_with_equal_axes_form_one_group(toy_dataset):
    datasets = [toy_dataset("a"), toy_dataset("b", on_off=False), toy_dataset("c")]
    masks = [np.ones(8, dtype=bool)] * 3
    groups = group_datasets(datasets, masks)
    assert [(group.statistic, group.members) for group in groups] == [("wstat", (0, 2)), ("cash", (1,))]
    assert groups[0].matrix.shape[1] == 16
    assert groups[0].columns([2]).sum() == 8


def test_true_energies_that_no_bin_sees_are_cut_off(toy_dataset):
    from dataclasses import replace

    dataset = toy_dataset()
    exposure = dataset.exposure.copy()
    exposure[:4] = 0
    (group,) = group_datasets([replace(dataset, exposure=exposure)], [np.ones(8, dtype=bool)])
    assert group.edges[0] == dataset.energy_true.edges_value("TeV")[4]
    assert len(group.edges) == group.matrix.shape[0] + 1


def test_datasets_without_used_bins_are_in_no_group(toy_dataset):
    assert group_datasets([toy_dataset()], [np.zeros(8, dtype=bool)]) == ()

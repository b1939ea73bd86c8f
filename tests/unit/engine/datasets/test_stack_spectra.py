"""Laws of the sum of spectra (NUMERICS B.13)."""

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.stack import stack
from gammapy_hli.engine.geom.axes import Axis

NONE = np.zeros(4, dtype=bool)


@pytest.fixture
def three(make_on_off):
    rng = np.random.default_rng(11)
    return [
        make_on_off(
            name=str(i),
            counts=rng.poisson(9, 4),
            counts_off=rng.poisson(20, 4),
            acceptance_off=np.full(4, float(i + 3)),
            mask_safe=np.array([i > 1, i > 0, True, True]),
            exposure=rng.uniform(1, 9, 6) * u.Unit("m2 s"),
            edisp_exposure=rng.uniform(10, 19, 6) * u.Unit("m2 s"),
            edisp=rng.uniform(0, 0.25, (6, 4)),
            livetime=100 * (i + 1) * u.s,
            meta={"OBS_ID": [i], "TELESCOP": ["HESS"]},
        )
        for i in range(3)
    ]


def test_stack_of_one_is_that_one_inside_its_mask(make_on_off):
    dataset = make_on_off()
    total = stack([dataset], "sum")
    assert total.name == "sum"
    assert_array_equal(total.counts, [0, 5, 3, 0])
    assert_array_equal(total.counts_off, [0, 10, 6, 0])
    assert_allclose(total.alpha[1:], 0.25)
    assert_array_equal(total.exposure, dataset.exposure)
    filled = dataset.edisp_exposure > 0
    assert_allclose(total.edisp[filled], (dataset.edisp * dataset.mask_safe)[filled], rtol=1e-15)


def test_counts_are_sums_over_safe_bins(three):
    total = stack(three)
    for name in ("counts", "counts_off", "acceptance", "background"):
        assert_allclose(getattr(total, name), sum(getattr(d, name) * d.mask_safe for d in three), rtol=1e-14)
    assert_array_equal(total.mask_safe, True)
    assert total.livetime == 600 * u.s
    assert total.meta == {"OBS_ID": [0, 1, 2], "TELESCOP": ["HESS"] * 3}


def test_edisp_rows_weighted_with_exposure_lose_masked_bins(three):
    total = stack(three)
    weights = [d.edisp_exposure.value for d in three]
    expected = (
        sum(w[:, None] * d.edisp * d.mask_safe for w, d in zip(weights, three, strict=True)) / sum(weights)[:, None]
    )
    assert_allclose(total.edisp, expected, rtol=1e-14)


def test_dataset_without_safe_bins_adds_nothing_but_its_name(three, make_on_off):
    empty = make_on_off(name="e", mask_safe=NONE, meta={"OBS_ID": [9], "TELESCOP": ["HESS"]})
    with_empty, without = stack([*three, empty]), stack(three)
    for name in ("counts", "counts_off", "acceptance_off", "edisp", "exposure"):
        assert_array_equal(getattr(with_empty, name), getattr(without, name))
    assert with_empty.livetime == without.livetime
    assert with_empty.meta["OBS_ID"] == [0, 1, 2, 9]


def test_stack_of_stacks_is_the_stack_of_all(three):
    at_once, in_turn = stack(three), stack([stack(three[:2]), three[2]])
    for name in ("counts", "counts_off", "alpha", "background", "edisp"):
        assert_allclose(getattr(in_turn, name), getattr(at_once, name), rtol=1e-12, atol=1e-15)


def test_alpha_in_bins_without_off_counts_is_the_mean(make_on_off):
    total = stack([make_on_off(), make_on_off(acceptance_off=np.full(4, 8.0))])
    mean = (0.25 * 16 + 0.125 * 16) / 32
    assert_allclose(total.alpha[3], mean, rtol=1e-14)


def test_no_off_counts_at_all_keep_a_finite_alpha(make_on_off):
    total = stack([make_on_off(counts_off=np.zeros(4))])
    assert_allclose(total.alpha[1:], 0.25)


def test_cash_backgrounds_add(make_cash):
    assert_array_equal(stack([make_cash(), make_cash()]).background, [0, 4, 2, 1])


def test_gtis_are_united(make_cash):
    assert stack([make_cash(), make_cash()]).gti.ontime == make_cash().gti.ontime


def test_nothing_to_stack_is_refused():
    with pytest.raises(InputError, match="no datasets given"):
        stack([])


def test_two_kinds_do_not_stack(make_cash, make_on_off):
    with pytest.raises(InputError, match="1 is a SpectrumDataset, 1 a SpectrumDatasetOnOff"):
        stack([make_on_off(), make_cash()])


def test_different_axes_do_not_stack(make_cash):
    other = Axis.from_energy_bounds("0.3 TeV", "18 TeV", nbin=4)
    with pytest.raises(InputError, match="different energy axes"):
        stack([make_cash(), make_cash(energy=other)])


def test_missing_off_counts_do_not_stack(make_on_off):
    with pytest.raises(InputError, match="safe bins but no counts_off"):
        stack([make_on_off(counts_off=None)])

"""Sums over the runs of a reduction."""

import numpy as np
import pytest

from gammapy_hli.engine.products.reduction import Reduction
from gammapy_hli.engine.stats.significance import significance_cash, significance_wstat


def test_without_any_off_counts_the_significance_has_the_mean_alpha():
    run = {"n_on_safe": 5.0, "n_off_safe": 0.0, "background": 0.0}
    totals = Reduction.from_parts([], [{"name": "1", **run, "alpha": 0.1}, {"name": "2", **run, "alpha": 0.3}]).totals()
    assert totals["sqrt_ts"] == pytest.approx(float(significance_wstat(10.0, 0.0, 0.2)))


def test_a_known_background_has_the_significance_of_its_likelihood_ratio():
    facts = {"name": "1", "n_on_safe": 12.0, "background": 4.0}
    assert Reduction.from_parts([], [facts]).totals()["sqrt_ts"] == pytest.approx(float(significance_cash(12.0, 4.0)))


def test_nothing_to_compare_with_gives_no_significance():
    assert np.isnan(Reduction.from_parts([], [{"name": "1", "n_on_safe": 12.0}]).totals()["sqrt_ts"])

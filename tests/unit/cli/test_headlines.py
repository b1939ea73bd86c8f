"""What the terminal says of the steps that ran."""

import pytest

from gammapy_hli.cli.chain import _headline


def fitted(value, error, unit=""):
    return {"value": value, "error": error, "unit": unit}


REDUCED = {"n_datasets": 1, "livetime_s": 3600.0, "excess": 487.5, "sqrt_ts": 10.5}


@pytest.mark.parametrize(
    ("step", "numbers", "text"),
    [
        ("selection", {"n_observations": 1}, "1 run"),
        ("selection@hess", {"n_observations": 4}, "4 runs"),
        ("selection", {"n_observations": 44, "n_runs": 12}, "12 runs in 44 parts"),
        ("reduction", REDUCED, "1 dataset, 1.00 h, excess 487.5, 10.5 sigma"),
        ("reduction", {**REDUCED, "n_datasets": 2, "sqrt_ts": None}, "2 datasets, 1.00 h, excess 487.5"),
        ("flux_points", {"crab": {"dnde": [1.0, None]}}, "crab: 1 point"),
        ("light_curve", {"crab": {"n_intervals": 3}}, "crab: 3 intervals"),
        (
            "fit",
            {"parameters": {"a.spectral.index": fitted(2.5, 0.1), "b.norm": fitted(0.96, 0.0)}},
            "index 2.50 ± 0.10, b.norm 0.96",  # without an error none is told
        ),
        (
            "fit",
            {
                "parameters": {
                    "a.spatial.lon_0": fitted(83.61906, 0.00308, "deg"),
                    "b.spatial.lon_0": fitted(1, 0.2, "deg"),
                }
            },
            "a lon_0 83.6191 ± 0.0031 deg, b lon_0 1.00 ± 0.20 deg",  # two models have parameters of one name
        ),
        ("maps", {"significance": {"max": 35.06, "min": -3.0}}, "peak 35.1 sigma"),
        ("maps", {"significance": {"max": None, "min": None}, "sqrt_ts": {"max": 4.0}}, "peak of ts 4.0 sigma"),
        ("maps", {"residual": {"max": 3.0}}, ""),
    ],
)
def test_headlines_count_what_they_name(step, numbers, text):
    assert _headline(step, numbers) == text


def test_sums_over_a_map_are_called_so():
    assert _headline("reduction", REDUCED, of_map=True) == "1 dataset, 1.00 h, whole map: excess 487.5, 10.5 sigma"


def test_no_excess_is_no_negative_zero():
    numbers = {**REDUCED, "excess": -0.0001, "sqrt_ts": -1e-6}
    assert _headline("reduction", numbers, of_map=True) == "1 dataset, 1.00 h, whole map: excess 0.0, 0.0 sigma"

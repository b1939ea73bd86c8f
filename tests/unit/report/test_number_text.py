"""Numbers as an astronomer writes them."""

import math

import pytest

from gammapy_hli.base.counted import counted
from gammapy_hli.report.number_text import fixed, listed, measured, plain, probability, unit_text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (4.79087e-11, 3.61e-12, "(4.79 ± 0.36) × 10⁻¹¹"),
        (2.27281, 0.157, "2.27 ± 0.16"),
        (0.120884, 0.054, "0.121 ± 0.054"),
        (512.1, 23.49, "512 ± 23"),
        (-0.8, 3.7, "−0.8 ± 3.7"),
        (9.99e-12, 9.99e-12, "(1.0 ± 1.0) × 10⁻¹¹"),
        (0.0, 2e-13, "(0.0 ± 2.0) × 10⁻¹³"),
        (1.0, 0.0, "1"),
        (1.0, None, "1"),
        (1e-12, math.nan, "1 × 10⁻¹²"),
        (math.nan, 1.0, "–"),
        (1234567.0, 1200.0, "(1.2346 ± 0.0012) × 10⁶"),
    ],
)
def test_value_and_error_end_at_the_same_digit(value, error, text):
    assert measured(value, error) == text


def test_asymmetric_errors_stand_behind_the_value():
    assert measured(2.27, 0.16, (0.15, 0.17)) == "2.27 −0.15 +0.17"


@pytest.mark.parametrize(
    ("unit", "text"),
    [("", ""), ("TeV-1 s-1 cm-2", "cm⁻² s⁻¹ TeV⁻¹"), ("TeV", "TeV"), ("erg / (cm2 s)", "erg cm⁻² s⁻¹")],
)
def test_units_have_positive_powers_first(unit, text):
    assert unit_text(unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (0.0, "0"),
        (-40.9012, "−40.9"),
        (1e-7, "1.00 × 10⁻⁷"),
    ],
)
def test_plain_numbers(value, text):
    assert plain(value) == text


def test_there_is_no_negative_zero():
    assert fixed(-0.04, 1) == "0.0"
    assert fixed(-0.06, 1) == "−0.1"


def test_small_probabilities_have_a_power_of_ten():
    assert probability(0.1067) == "0.11"
    assert probability(3.2e-7) == "3 × 10⁻⁷"
    assert probability(math.nan) == "–"


def test_lists_are_cut():
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert counted(1, "run") == "1 run"
    assert counted(2, "run") == "2 runs"


def test_a_mantissa_that_rounds_to_ten_is_the_next_power():
    assert plain(9.96e-6, 1) == "1 × 10⁻⁵"
    assert plain(9.96e-6, 3) == "9.96 × 10⁻⁶"

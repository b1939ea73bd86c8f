"""The comparison with recorded numbers sees small errors, wherever they are: otherwise its green means nothing."""

import json

import numpy as np
import pytest

TOLERANCE = 5e-7


@pytest.fixture(scope="module")
def sky():
    """A narrow source in four energies, as predicted counts are."""
    y, x = np.indices((34, 40))
    image = np.exp(-0.5 * ((x - 21.3) ** 2 + (y - 15.8) ** 2) / 3**2)
    return image * np.array([1, 0.3, 0.1, 0.02])[:, None, None]


@pytest.fixture(scope="module")
def differs(array_numbers, sky):
    """Whether an array is told from the sky."""
    recorded = json.loads(json.dumps(array_numbers.numbers_of(sky)))

    def check(values, tolerance=TOLERANCE):
        try:
            array_numbers.check_numbers(values, recorded, tolerance)
        except AssertionError:
            return True
        return False

    return check


def test_the_array_itself_passes(differs, sky):
    assert not differs(sky, 0)


@pytest.mark.parametrize("seed", range(20))
def test_rounding_to_float32_passes(differs, sky, seed):
    noise = np.random.default_rng(seed).uniform(-TOLERANCE, TOLERANCE, sky.shape)
    assert not differs(sky + noise / 3)
    assert not differs(sky * (1 + noise / 3))
    assert not differs((sky * (1 + 0.9 * TOLERANCE)).astype(np.float32))


@pytest.mark.parametrize("seed", range(20))
def test_an_error_of_1e_5_of_the_peak_is_seen_in_any_single_pixel(differs, sky, seed):
    wrong = sky.copy()
    wrong.flat[np.random.default_rng(seed).integers(sky.size)] += 1e-5
    assert differs(wrong)


@pytest.mark.parametrize("axis", range(3))
def test_a_shift_is_seen(differs, sky, axis):
    assert differs(sky + 1e-5 * (np.roll(sky, 1, axis) - sky))
    assert differs(np.flip(sky, axis))


def test_scale_offset_width_and_swaps_are_seen(differs, sky):
    assert differs(sky * (1 + 1e-5))
    assert differs(sky + 2e-6)
    assert differs(sky ** (1 + 1e-5))
    swapped = sky.copy()
    swapped[3, 15, [20, 21]] = swapped[3, 15, [21, 20]]
    assert differs(swapped)


def test_shape_nan_and_infinity_are_told(array_numbers, differs, sky):
    assert differs(sky[:, :-1])
    wrong = sky.copy()
    wrong[2, 3, 4] = np.nan
    assert differs(wrong)
    with pytest.raises(ValueError, match="1 values are not finite"):
        array_numbers.numbers_of(wrong)


def test_whole_numbers_are_compared_exactly(array_numbers):
    counts = np.random.default_rng(1).poisson(0.3, (5, 60, 70))
    recorded = array_numbers.numbers_of(counts)
    array_numbers.check_numbers(counts, recorded, 0)
    for place in ((0, 0, 0), (4, 59, 69), (2, 30, 30)):
        wrong = counts.copy()
        wrong[place] += 1
        with pytest.raises(AssertionError, match="sums over all but the first axis"):
            array_numbers.check_numbers(wrong, recorded, 0)


def test_message_names_place_and_numbers(array_numbers):
    recorded = array_numbers.numbers_of([[0, 1, 2], [3, 4, 5]])
    with pytest.raises(AssertionError, match=r"at samples: 1 of 6 differ; the worst, number 2, is 2\.5, expected 2\.0"):
        array_numbers.check_numbers([[0, 1, 2.5], [3, 4, 5]], recorded, 1e-6)

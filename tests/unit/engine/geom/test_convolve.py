"""FFT convolution equals scipy's and the sum that defines it; disks and rings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from gammapy_hli.engine.geom.convolve import Kernel, fft_convolve_same, ring_kernel, tophat_kernel


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_same_as_scipy(shape, kernel, dtype):
    rng = np.random.default_rng(sum(shape))
    image, weights = rng.random(shape).astype(dtype), rng.random(kernel).astype(dtype)
    full = fftconvolve(image, weights, mode="full")
    top, left = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    expected = full[top : top + shape[0], left : left + shape[1]]  # "same" of scipy swaps a map smaller than its kernel
    result = fft_convolve_same(image, weights)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, atol=1e-4 if dtype == np.float32 else 1e-10)


def test_same_as_scipy_mode_same():
    rng = np.random.default_rng(0)
    image, weights = rng.random((50, 61)), rng.random((9, 11))
    np.testing.assert_allclose(fft_convolve_same(image, weights), fftconvolve(image, weights, "same"), atol=1e-11)


def test_each_energy_has_its_kernel():
    rng = np.random.default_rng(0)
    cube, kernels = rng.random((3, 20, 24)), rng.random((3, 5, 7))
    expected = [fftconvolve(a, b, "same") for a, b in zip(cube, kernels, strict=True)]
    np.testing.assert_allclose(fft_convolve_same(cube, Kernel(kernels)), expected, atol=1e-11)
    image = [fftconvolve(cube[0], b, "same") for b in kernels]
    np.testing.assert_allclose(fft_convolve_same(cube[0], kernels), image, atol=1e-11)


def test_a_point_becomes_the_kernel():
    image = np.zeros((15, 15))
    image[7, 6] = 2
    kernel = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(fft_convolve_same(image, kernel)[6:9, 5:8], 2 * kernel, atol=1e-12)


def test_nothing_comes_in_over_the_edge():
    image = np.zeros((20, 20))
    image[0, 0] = 1
    result = fft_convolve_same(image, np.ones((11, 11)))
    assert np.abs(result[6:, 6:]).max() < 1e-12
    np.testing.assert_allclose(result[:6, :6], 1, atol=1e-12)


def test_transforms_are_kept_and_few():
    kernel = Kernel(np.ones((3, 3)))
    first = kernel.transform((20, 20), np.float64)
    assert kernel.transform((20, 20), np.float64) is first
    for n in range(21, 30):
        kernel.transform((n, n), np.float64)
    assert len(kernel._transforms) == 4


@pytest.mark.parametrize("radius", [0, 0.9, 1, 1.5, 5, 7.3])
def test_disk_holds_the_pixels_within_its_radius(radius):
    disk = tophat_kernel(radius)
    assert disk.shape[0] % 2 == 1
    n = sum(1 for x in range(-9, 10) for y in range(-9, 10) if x * x + y * y <= radius * radius)
    assert disk.sum() == n


def test_ring_and_hole_make_the_disk_without_the_rim():
    ring, hole = ring_kernel(3, 6), tophat_kernel(3)
    assert ring.sum() + hole.sum() - tophat_kernel(6).sum() == np.count_nonzero(ring[3:10, 3:10] * hole) == 4


@pytest.mark.parametrize(("inner", "width"), [(35.0, 15.0), (50.0, 10.000000000000002), (12.5, 3.7), (0.5, 1.0)])
def test_rings_are_those_of_astropy(inner, width):
    from astropy.convolution import Ring2DKernel

    ours, theirs = ring_kernel(inner, inner + width), Ring2DKernel(inner, width).array > 0
    rim = (theirs.shape[0] - ours.shape[0]) // 2
    np.testing.assert_array_equal(np.pad(ours, rim), theirs)


def test_bad_input_says_what_is_wrong():
    with pytest.raises(ValueError, match="ring of 3 to 2 pixels"):
        ring_kernel(3, 2)
    with pytest.raises(ValueError, match=r"kernel has shape \(3,\)"):
        Kernel(np.ones(3))
    with pytest.raises(ValueError, match="not finite"):
        Kernel([[np.nan]])
    with pytest.raises(ValueError, match=r"maps have shape \(0, 4\)"):
        fft_convolve_same(np.ones((0, 4)), np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"maps of shape \(2, 4, 4\) do not fit kernels of shape \(3, 3, 3\)"):
        fft_convolve_same(np.ones((2, 4, 4)), np.ones((3, 3, 3)))

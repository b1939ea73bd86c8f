"""Transforms axis by axis, against numpy's of both axes at once."""

import numpy as np
import pytest

from gammapy_hli.engine.geom.fourier import forward, inverse_part


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (2, 8, 5)], ids=["plane", "pixel", "stack"])
@pytest.mark.parametrize("size", [(8, 9), (15, 12)], ids=["odd", "even"])
def test_forward_is_numpys_of_padded_maps(shape, size):
    maps = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(forward(maps, size), np.fft.rfftn(maps, size, axes=(-2, -1)), atol=1e-13)


@pytest.mark.parametrize("size", [(8, 9), (15, 12)], ids=["odd", "even"])
def test_inverse_gives_the_rows_and_columns_asked_for(size):
    maps = np.random.default_rng(2).normal(size=(3, *size))
    found = inverse_part(forward(maps, size), size, slice(2, 7), slice(1, 6))
    np.testing.assert_allclose(found, maps[:, 2:7, 1:6], atol=1e-13)


def test_float32_stays():
    maps = np.ones((4, 4), dtype=np.float32)
    spectrum = forward(maps, (6, 6))
    assert spectrum.dtype == np.complex64
    assert inverse_part(spectrum, (6, 6), slice(4), slice(4)).dtype == np.float32

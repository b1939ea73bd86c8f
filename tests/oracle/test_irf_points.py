"""Every kind of response of H.E.S.S., MAGIC, CTA 1DC and CTA prod5 files against gammapy 2.1 at random points.

Numbers and points: record_irf_points.py.
"""

import json
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.irf.reader import read_irfs

NUMBERS = json.loads(Path(__file__).with_name("irf_points.json").read_text())
UNITS = {"aeff": "m2", "psf": "sr-1", "bkg": "s-1 MeV-1 sr-1", "rad_max": "deg"}
# gammapy has logarithms of the background in float32, and the widths of three Gaussians too
TOLERANCE = {"bkg": 2e-5, "psf": 1e-5}


@pytest.fixture(scope="module")
def recorded():
    """The module record_irf_points.py: its files and points."""
    spec = spec_from_file_location("record_irf_points", Path(__file__).with_name("record_irf_points.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@lru_cache(maxsize=2)
def irfs_of(path):
    return read_irfs(path)


@pytest.mark.parametrize("case", NUMBERS)
def test_response_is_that_of_gammapy(case, gammapy_data, recorded):
    name, _, kind = case.rpartition(" ")
    path = gammapy_data / recorded.FILES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not in this copy of the data")
    response = irfs_of(path)[kind]
    is_cube = hasattr(response, "fov_lon")
    where = recorded.with_units(recorded.points(name, kind, is_cube))
    order = {"edisp": ("energy_true", "migra", "offset"), "psf": ("energy_true", "rad", "offset")}.get(
        kind, tuple(where)
    )
    found = response.evaluate(*(where[axis] for axis in order))
    values = u.Quantity(found).to_value(UNITS.get(kind, ""))
    expected = np.array(NUMBERS[case])
    assert (expected != 0).sum() >= 6
    scale = np.abs(expected).max()
    np.testing.assert_allclose(values, expected, rtol=TOLERANCE.get(kind, 1e-7), atol=1e-7 * scale)

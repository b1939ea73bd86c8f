"""What tests against recorded numbers share."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
from gammapy_hli.engine.irf.psf_map import PsfMap


@pytest.fixture(scope="session")
def array_numbers() -> ModuleType:
    """The module array_numbers.py, which the recording scripts use too."""
    return _module_beside("array_numbers")


@pytest.fixture(scope="session")
def formula_maps() -> ModuleType:
    """The module formula_maps.py, which the recording scripts use too."""
    return _module_beside("formula_maps")


@pytest.fixture(scope="session")
def load_beside():
    """Loader of a module beside the tests, by its name."""
    return _module_beside


@pytest.fixture(scope="session")
def make_formula_dataset():
    """Maker of map datasets of the arrays in formula_maps.py."""
    return _formula_dataset


def _formula_dataset(case, arrays_of, name, pointing=None, width=None, is_ring=False, **facts):
    """`arrays_of` gives the arrays of the shapes of the pixels and of those of the responses."""
    geometry = WcsGeometry.create(SkyCoord(*case["center"], unit="deg"), case["width"] * u.deg, case["pixel"] * u.deg)
    irf_geometry = geometry.irf_geometry(case["irf_pixel"] * u.deg)
    if pointing is not None:
        geometry, irf_geometry = (one.cutout(pointing, width).geometry for one in (geometry, irf_geometry))
    energy, true = (_axis(case, axis) for axis in ("energy", "energy_true"))
    energy = energy.squash() if is_ring else energy
    rad = Axis.from_edges(np.linspace(*case["rad"]) * u.deg, name="rad", interp="lin")
    arrays = arrays_of(geometry.shape, irf_geometry.shape)
    exposure, irf_exposure = (arrays.pop(part) * u.Unit("m2 s") for part in ("exposure", "irf_exposure"))
    arrays["psf"] = PsfMap(irf_geometry, true, rad, arrays["psf"], irf_exposure)
    arrays["edisp"] = EdispKernelMap(irf_geometry, true, energy, arrays["edisp"], irf_exposure)
    kind = MapDatasetOnOff if is_ring else MapDataset
    return kind(name, geometry, energy, true, exposure=exposure, **arrays, **facts)


def _axis(case, name):
    low, high, n = case[name]
    return Axis.from_energy_bounds(low * u.TeV, high * u.TeV, nbin=n, name=name)


def _module_beside(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

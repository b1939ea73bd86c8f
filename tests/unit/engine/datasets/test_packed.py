"""Packed datasets: every bit comes back, through JSON, and what is not known is refused."""

import json

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.gadf import gadf_bytes
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_files import write_map_dataset
from gammapy_hli.engine.datasets.map_stack import MapStacker
from gammapy_hli.engine.datasets.packed import pack, unpack

KINDS = pytest.mark.parametrize("kind", [MapDataset, MapDatasetOnOff])


def there_and_back(value):
    """A value packed, its document written as text, its arrays as bytes."""
    document, arrays = pack(value)
    copies = [np.frombuffer(array.tobytes(), dtype=array.dtype) for array in arrays]
    return unpack(json.loads(json.dumps(document, allow_nan=False)), copies)


def bits(array):
    return np.asarray(array).tobytes()


@pytest.mark.parametrize("changes", [{}, {"gti": None, "region": None}, {"meta": {}, "livetime": np.nan * u.s}])
def test_spectra_come_back_bitwise(make_on_off, make_cash, assert_bitwise, changes):
    for made in (make_on_off(**changes), make_cash(**changes), make_cash(background=None, **changes)):
        again = there_and_back(made)
        assert_bitwise(again, made)
        assert gadf_bytes(again) == gadf_bytes(made)


def test_off_regions_of_any_kind_come_back(make_on_off, assert_bitwise, common):
    for regions in ((), (common["region"], common["region"])):
        made = make_on_off(regions_off=regions)
        assert_bitwise(there_and_back(made), made)


@KINDS
def test_maps_come_back_bitwise(make_map, assert_same_maps, tmp_path, kind):
    made = make_map(kind=kind, mask_fit=np.arange(360).reshape(3, 10, 12) % 3 == 0)
    again = there_and_back(made)
    assert_same_maps(again, made)
    first, second = write_map_dataset(made, tmp_path / "a.fits"), write_map_dataset(again, tmp_path / "b.fits")
    assert first.read_bytes() == second.read_bytes()


def test_any_part_of_a_map_may_be_missing(make_map, assert_same_maps):
    made = make_map(**dict.fromkeys(("exposure", "psf", "edisp", "background", "mask_safe", "gti")))
    assert_same_maps(there_and_back(made), made)


def test_zeros_are_left_out_and_negative_zeros_and_nans_are_not(make_map):
    counts = np.zeros((3, 10, 12), dtype=np.float32)
    counts[0, 0, :4] = 3, -0.0, np.nan, np.inf
    made = make_map(counts=counts)
    sizes = [sum(array.nbytes for array in pack(each)[1]) for each in (made, make_map(counts=counts + 1))]
    assert sizes[1] - sizes[0] == counts.nbytes - 4 * (4 + 4)
    assert bits(there_and_back(made).counts) == bits(counts)


def test_facts_come_back_with_their_types():
    facts = {"name": "1", "zenith": 45.1, "offset": float("nan"), "n": 3, "is": True, "none": None, "t": (1, [2.5])}
    again = there_and_back({**facts, "numpy": np.float64(0.1), "inf": -np.inf})
    assert repr(again) == repr({**facts, "numpy": 0.1, "inf": -np.inf})


@KINDS
def test_stack_that_was_interrupted_goes_on_to_the_same_bytes(make_map, tmp_path, kind):
    runs = [make_map(name=str(seed), seed=seed, shift=(seed % 2, 0), kind=kind) for seed in range(1, 6)]
    axes = (runs[0].geometry, runs[0].energy, runs[0].energy_true, runs[0].psf.geometry)
    whole, first, second = (MapStacker(*axes) for _ in range(3))
    for run in runs:
        whole.add(run)
    for run in runs[:3]:
        first.add(run)
    second.restore(there_and_back(first.state()))
    for run in runs[3:]:
        second.add(run)
    one, other = (write_map_dataset(each.result(), tmp_path / f"{n}.fits") for n, each in enumerate((whole, second)))
    assert one.read_bytes() == other.read_bytes()
    assert second.n_datasets == 5


def test_empty_stack_comes_back_empty(make_map):
    run = make_map()
    first, second = (MapStacker(run.geometry, run.energy, run.energy_true) for _ in range(2))
    second.restore(there_and_back(first.state()))
    with pytest.raises((InputError, ValueError), match="no datasets given"):
        second.result()


@pytest.mark.parametrize("value", [object(), np.array(["a"]), {1, 2}])
def test_what_has_no_packed_form_is_refused(value):
    with pytest.raises(TypeError, match="has no packed form"):
        pack([value])


@pytest.mark.parametrize("document", [{"is": "object", "of": ["OrderedDict", {}]}, {"is": "call", "of": "exit"}])
def test_only_known_classes_are_made(document):
    with pytest.raises(KeyError):
        unpack(document, [])

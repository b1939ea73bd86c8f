"""Datasets as one document and a list of arrays, bitwise: what a reduction keeps for the next time.

The files of a product are for people and other software; this form is for our own use within one version. It packs a
spectrum in a third of a millisecond and leaves out the zeros of counts. Nothing in it is executed when it is read: the
document names classes of a fixed list, whose constructors check what they are given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import astropy.units as u
import numpy as np
from astropy.time import Time
from astropy.units import Quantity

from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_stack_irf import IrfSum
from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.datasets.region_text import (
    region_from_text,
    region_to_text,
    regions_from_text,
    regions_to_text,
)
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
from gammapy_hli.engine.irf.edisp_migra_map import EdispMigraMap
from gammapy_hli.engine.irf.psf_map import PsfMap

CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        *(SpectrumDataset, SpectrumDatasetOnOff, MapDataset, MapDatasetOnOff),
        *(Axis, Gti, WcsGeometry, PsfMap, EdispKernelMap, EdispMigraMap, IrfSum),
    )
}
SPARSE = 8  # arrays with fewer than one value in so many that is not zero are kept as positions and values
_SMALL = 64  # bytes; smaller arrays are not worth a look


def pack(value: Any) -> tuple[Any, list[np.ndarray]]:
    """A plain document (for JSON) and the arrays that it refers to.

    Parameters
    ----------
    value : SpectrumDataset, MapDataset, or plain values, lists and mappings that hold such

    Raises
    ------
    TypeError
        Something in it is of a type that has no packed form.
    """
    arrays: list[np.ndarray] = []
    return _packed(value, arrays), arrays


def unpack(document: Any, arrays: Sequence[np.ndarray]) -> Any:
    """What was given to `pack`; arrays are used as they are, not copied, where a dataset does not copy them.

    Raises
    ------
    ValueError, KeyError, TypeError
        The document is not one of `pack`, or the arrays are not its arrays.
    """
    if isinstance(document, list):
        return [unpack(item, arrays) for item in document]
    if not isinstance(document, dict):
        return document
    kind, content = document["is"], document["of"]
    return _READERS[kind](content, arrays)


# -- packing ---------------------------------------------------------------------------------------------------------


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else _node("float", repr(value))
    if isinstance(value, Quantity):
        return _node("quantity", [value.unit.to_string(), _packed_array(np.asarray(value.value), arrays)])
    if isinstance(value, np.generic):
        return _packed(value.item(), arrays)
    if isinstance(value, np.ndarray):
        return _packed_array(value, arrays)
    if type(value) is list:
        return [_packed(item, arrays) for item in value]
    if type(value) is tuple:
        return _node("tuple", [_packed(item, arrays) for item in value])
    if isinstance(value, Mapping):
        return _node("dict", [[_packed(key, arrays), _packed(item, arrays)] for key, item in value.items()])
    return _packed_object(value, arrays)


def _packed_object(value: Any, arrays: list[np.ndarray]) -> Any:
    kind = type(value).__name__
    if CLASSES.get(kind) is type(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return _node("object", [kind, {name: _part(name, part, arrays) for name, part in parts.items()}])
    if isinstance(value, Time) and value.isscalar:
        return _node("time", [*(float(part).hex() for part in (value.jd1, value.jd2)), value.scale, value.format])
    raise TypeError(f"{kind} {value!r} has no packed form")


def _part(name: str, part: Any, arrays: list[np.ndarray]) -> Any:
    if name == "region" and part is not None:
        return _node("region", region_to_text(part))
    if name == "regions_off":
        return _node("regions", regions_to_text(part)) if isinstance(part, RegionSet) or len(part) else ()
    return _packed(part, arrays)


def _packed_array(values: np.ndarray, arrays: list[np.ndarray]) -> Any:
    if values.dtype.kind not in "biuf":
        raise TypeError(f"an array of {values.dtype} has no packed form")
    shape, kind = list(values.shape), values.dtype.str
    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype == bool and flat.nbytes > _SMALL:
        return _node("bits", [shape, _added(np.packbits(flat), arrays)])
    if flat.dtype.kind == "f" and flat.nbytes > _SMALL and flat.size < 2**32:
        bits = flat.view(f"u{flat.itemsize}")  # so that -0.0 is kept
        if SPARSE * int(np.count_nonzero(bits)) < flat.size:
            where = np.flatnonzero(bits).astype(np.uint32)
            return _node("sparse", [shape, kind, _added(where, arrays), _added(flat[where], arrays)])
    return _node("array", [shape, _added(flat, arrays)])


def _added(array: np.ndarray, arrays: list[np.ndarray]) -> int:
    arrays.append(array)
    return len(arrays) - 1


def _node(kind: str, content: Any) -> dict[str, Any]:
    return {"is": kind, "of": content}


# -- unpacking -------------------------------------------------------------------------------------------------------


def _read_object(content: Any, arrays: Sequence[np.ndarray]) -> Any:
    kind, parts = content
    return CLASSES[kind](**{name: unpack(part, arrays) for name, part in parts.items()})


def _read_bits(content: Any, arrays: Sequence[np.ndarray]) -> np.ndarray:
    shape, index = content
    return np.unpackbits(arrays[index], count=math.prod(shape)).view(bool).reshape(shape)


def _read_sparse(content: Any, arrays: Sequence[np.ndarray]) -> np.ndarray:
    shape, kind, where, values = content
    full = np.zeros(math.prod(shape), dtype=kind)
    full[arrays[where]] = arrays[values]
    return full.reshape(shape)


def _read_quantity(content: Any, arrays: Sequence[np.ndarray]) -> Quantity:
    unit, values = content
    return Quantity(unpack(values, arrays), _unit(unit), copy=False)


@lru_cache(maxsize=256)
def _unit(text: str) -> u.UnitBase:
    return u.Unit(text)


@lru_cache(maxsize=256)
def _time(jd1: str, jd2: str, scale: str, form: str) -> Time:
    """Equal arguments give one shared object, as where references are read from files."""
    time = Time(float.fromhex(jd1), float.fromhex(jd2), format="jd", scale=scale)
    time.format = form
    return time


_READERS = {
    "float": lambda content, arrays: float(content),
    "quantity": _read_quantity,
    "array": lambda content, arrays: arrays[content[1]].reshape(content[0]),
    "bits": _read_bits,
    "sparse": _read_sparse,
    "tuple": lambda content, arrays: tuple(unpack(item, arrays) for item in content),
    "dict": lambda content, arrays: {unpack(key, arrays): unpack(item, arrays) for key, item in content},
    "object": _read_object,
    "time": lambda content, arrays: _time(*content),
    "region": lambda content, arrays: region_from_text(content),
    "regions": lambda content, arrays: regions_from_text(content),
}

"""A short text that tells the contents of datasets apart: equal data give equal digests, in memory or read again."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from astropy.time import Time
from astropy.units import Quantity

WITHOUT_INFLUENCE = ("region", "region_off", "regions_off", "meta")
"""What a likelihood of a dataset does not look at."""


def digest(value: Any) -> str:
    """SHA-256 of arrays, numbers, texts and of what is made from them: dataclasses, sequences, mappings.

    Byte order does not matter; types do.

    Raises
    ------
    TypeError
        Something has no contents that are known.
    """
    made = hashlib.sha256()
    _add(made, value)
    return made.hexdigest()


def _add(made: Any, value: Any) -> None:
    if isinstance(value, Quantity):
        _add(made, (value.unit.to_string(), np.asarray(value.value)))
    elif isinstance(value, np.ndarray):
        native = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
        made.update(f"{native.dtype.str}{native.shape}".encode())
        made.update(native.tobytes())
    elif isinstance(value, Time):
        _add(made, (value.scale, np.asarray(value.jd1), np.asarray(value.jd2)))
    elif value is None or isinstance(value, str | int | float | bool | np.generic):
        made.update(f"{type(value).__name__}:{value!r};".encode())
    elif is_dataclass(value):
        made.update(type(value).__name__.encode())
        for field in fields(value):
            if field.name not in WITHOUT_INFLUENCE:
                made.update(field.name.encode())
                _add(made, getattr(value, field.name))
    elif isinstance(value, Mapping):
        _add(made, [(str(key), value[key]) for key in sorted(value, key=str)])
    elif isinstance(value, list | tuple):
        made.update(f"[{len(value)}".encode())
        for item in value:
            _add(made, item)
    else:
        raise TypeError(f"{type(value).__name__} has no digest")

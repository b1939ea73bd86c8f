"""Arrays of frozen products: made read-only, compared with nan equal to nan."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frozen(values: Any, kind: Any = None) -> NDArray[Any]:
    """A copy of an array that cannot be changed, of the given type."""
    array = np.array(values, dtype=kind)
    array.setflags(write=False)
    return array


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; arrays element by element, where nan equals nan."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(one == other)

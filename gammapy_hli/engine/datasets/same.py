"""Parts of files that many datasets share: made once, known by their content.

The energy axes and the region of the runs of a reduction are the same, but where runs come from several processes they
are not the same objects. A `Same` stands for a value that is known by a key, so that ``functools.lru_cache`` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from gammapy_hli.engine.datasets.fits_bytes import table_bytes
from gammapy_hli.engine.datasets.region_hdu import region_columns
from gammapy_hli.engine.datasets.region_text import region_to_text, regions_to_text
from gammapy_hli.engine.geom.axes import Axis


class Same:
    """A value that equals any other with its key.

    Parameters
    ----------
    key : hashable
        All that the value is made of, text or a tuple.
    value : object
    """

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any):
        self.key = key
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def same_axis(axis: Axis) -> Same:
    """An axis known by its name, scale, unit and edges."""
    return Same((axis.name, axis.interp, str(axis.unit), axis.edges.value.tobytes()), axis)


def same_region(region: Any) -> Same | None:
    """A sky region known by its text; None for None."""
    return None if region is None else Same(region_to_text(region), region)


def same_regions(regions: Sequence[Any]) -> Same:
    """Several regions known by their text."""
    return Same(regions_to_text(regions), regions)


@lru_cache(maxsize=64)
def region_table(name: str, region: Same) -> bytes:
    """The table of one region or of several."""
    return table_bytes(name, *region_columns(region.value))

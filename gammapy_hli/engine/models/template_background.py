"""A background that comes as a map of counts in a file: a factor with a tilt in energy on its bins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.catalogue import BACKGROUND
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawNormSpectralModel

if TYPE_CHECKING:
    from gammapy_hli.engine.geom.sky_map import SkyMap

__all__ = ["TemplateNPredModel"]


class TemplateNPredModel(Summary):
    """Predicted counts from a map, times norm (E/reference)^(-tilt). No response is applied to them.

    Parameters
    ----------
    name : str
    filename : path, optional
        FITS file of a map of counts in bins of energy, (ne, ny, nx); read when the counts are first asked for.
    map : SkyMap, optional
        The map itself, instead of a file; such a model cannot be written.
    spectral : SpectralModel, optional
        A norm model; default `PowerLawNormSpectralModel`.
    datasets_names : sequence of str, optional
        The dataset in which it counts; None for all.

    Raises
    ------
    InputError
        Neither file nor map, or a spectral model that is a flux.
    """

    entry = BACKGROUND["TemplateNPredModel"]

    def __init__(
        self,
        name: str,
        filename: str | os.PathLike[str] | None = None,
        map: SkyMap | None = None,
        spectral: SpectralModel | None = None,
        datasets_names: Sequence[str] | None = None,
    ):
        if filename is None and map is None:
            raise InputError(f"template background {name!r} has neither 'filename' nor map; name a FITS file of counts")
        self.name = name
        self.filename = None if filename is None else os.fspath(filename)
        self.spectral: SpectralModel = PowerLawNormSpectralModel() if spectral is None else spectral
        if not self.spectral.is_norm:
            raise InputError(
                f"template background {name!r}: {self.spectral.tag} is a flux; expected a dimensionless factor such as "
                "'pl-norm'"
            )
        self.spatial = None
        self.temporal = None
        self.datasets_names = None if datasets_names is None else tuple(datasets_names)
        self._map = map

    @property
    def map(self) -> SkyMap:
        """Counts (ne, ny, nx).

        Raises
        ------
        InputError
            The file is missing or damaged, has other axes than energy, or a unit.
        """
        return self._map if self._map is not None else _read(*_stamp(str(self.filename), self.name))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """('<name>.spectral.norm', parameter) and so on."""
        for name, parameter in zip(self.spectral.parameters.names, self.spectral.parameters, strict=True):
            yield f"{self.name}.spectral.{name}", parameter

    def __deepcopy__(self, memo: dict[int, Any]) -> TemplateNPredModel:
        """A copy with parameters of its own; the map, which nobody changes, is shared."""
        import copy  # late: nothing else here copies

        spectral = copy.deepcopy(self.spectral, memo)
        return TemplateNPredModel(self.name, self.filename, self._map, spectral, self.datasets_names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TemplateNPredModel):
            return NotImplemented
        same = (self.name, self.filename, self.datasets_names) == (other.name, other.filename, other.datasets_names)
        return same and self._map is other._map and self.spectral == other.spectral

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> dict[str, Any]:
        """Name, file and parameters."""
        shown: dict[str, Any] = {"name": self.name, "filename": self.filename or "(in memory)"}
        if self.datasets_names is not None:
            shown["datasets"] = ", ".join(self.datasets_names)
        return {**shown, "spectral": self.spectral.summary()}


def _stamp(filename: str, name: str) -> tuple[str, tuple[int, int]]:
    path = Path(os.path.expandvars(os.path.expanduser(filename)))
    if not path.is_file():
        raise InputError(f"template background {name!r}: no file {path}; 'filename' must name a FITS map of counts")
    stamp = path.stat()
    return str(path), (stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=4)
def _read(path: str, stamp: tuple[int, int]) -> SkyMap:
    from gammapy_hli.engine.geom.sky_map import SkyMap  # late: only models with a file need maps

    found = SkyMap.read(path)
    names = [axis.name for axis in found.axes]
    if names != ["energy"]:
        raise InputError(
            f"template background {path}: axes are {names or 'none'}; expected one axis 'energy' and the sky"
        )
    if not found.unit.is_equivalent(""):
        raise InputError(
            f"template background {path}: unit of the map is '{found.unit}'; expected counts in bins, without a unit"
        )
    return found.to("")

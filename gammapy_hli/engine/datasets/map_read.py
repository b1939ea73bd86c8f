"""The maps of one dataset file, each checked for what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
from astropy.io import fits
from astropy.units import Quantity

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.fits_bytes import NUMBER_OF_HDUS
from gammapy_hli.engine.datasets.own_table import OWN_TABLE
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.map_files import open_maps
from gammapy_hli.engine.geom.sky_map import SkyMap

if TYPE_CHECKING:
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


WHAT = "map dataset"
MAPS = (
    *("COUNTS", "EXPOSURE", "BACKGROUND", "MASK_SAFE", "MASK_FIT", "COUNTS_OFF", "ACCEPTANCE", "ACCEPTANCE_OFF"),
    *("PSF", "PSF_EXPOSURE", "EDISP", "EDISP_EXPOSURE"),
)
TABLES = ("GTI", "META_TABLE", OWN_TABLE)


class InputMaps:
    """All that a dataset file holds, by the names of its HDUs. What is wrong is an InputError with file and HDU.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    name : str
        NAME of the primary header; '' where there is none.
    tables : dict of str to FitsTable
        GTI, META_TABLE and HLI_DATASET, as far as there.
    livetime : Quantity or None
        That in META of the exposure.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.livetime: Quantity | None = None
        with open_maps(path, WHAT) as hdus:
            names, header = [hdu.name for hdu in hdus], hdus[0].header
            expected = header.get(NUMBER_OF_HDUS)
            if expected is not None and len(names) < expected:
                raise InputError(f"truncated: {len(names)} of its {expected} HDUs are there. Make the file again")
            self.name = str(header.get("NAME", ""))
            self._maps = {name: _one_map(hdus, name) for name in MAPS if name in names}
            self.tables = {name: _one_table(path, hdus[name]) for name in TABLES if name in names}
        self._names = names

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def find(self, name: str, axes: Sequence[str], unit: u.UnitBase | None = None) -> SkyMap | None:
        """The map of this name, None where the file has none.

        Parameters
        ----------
        name : str
            Of the HDU.
        axes : sequence of str
            Names that its axes must have, slowest first.
        unit : unit, optional
            What the data are converted to.
        """
        if name not in self._maps:
            return None
        found = self._with_axes(name, self._maps[name], tuple(axes))
        if unit is not None and found.unit != unit:
            found = self._converted(name, found, unit)
        if name == "EXPOSURE":
            self.livetime = self._read_livetime(found)
        self._maps[name] = found
        return found

    def axes_of(self, name: str) -> tuple[str, ...]:
        """Names of the axes of a map, slowest first; () where it is not there."""
        return tuple(axis.name for axis in self._maps[name].axes) if name in self._maps else ()

    def common_geometry(self, names: Sequence[str]) -> WcsGeometry:
        """The pixels that maps found before share."""
        if not names:
            raise InputError(
                f"{WHAT} {self.path}: none of COUNTS, EXPOSURE, BACKGROUND, MASK_SAFE is there; found "
                f"{', '.join(self._names)}. Is it a map dataset?"
            )
        first = self._maps[names[0]].geometry
        for name in names[1:]:
            other = self._maps[name].geometry
            if not first.same_as(other):
                raise self.error(
                    name,
                    f"its pixels {other.shape} around {_place(other)} are not those of {names[0]}, {first.shape} "
                    f"around {_place(first)}; only psf and edisp may have pixels of their own",
                )
        return first

    def irf_exposure(self, name: str, irf: SkyMap) -> Quantity | None:
        """The exposure that weighs a response, (nt, ny, nx) [m2 s]."""
        exposure = self.find(f"{name}_EXPOSURE", [axis.name for axis in irf.axes], EXPOSURE_UNIT)
        if exposure is None:
            return None
        expected = (irf.shape[0], 1, *irf.shape[2:])
        if exposure.shape != expected or not exposure.geometry.same_as(irf.geometry):
            raise self.error(f"{name}_EXPOSURE", f"its shape is {exposure.shape}; expected {expected} as in {name}")
        return Quantity(exposure.data[:, 0], EXPOSURE_UNIT, copy=False)

    def check_axis(self, name: str, axis: Axis, expected: Axis) -> None:
        """Raise where the axis of a map is not the one that all share."""
        if not expected.same_as(axis):
            raise self.error(
                name,
                f"its {axis.name} axis has {axis.nbin} bins from {axis.edges[0]:.4g} to {axis.edges[-1]:.4g}; expected "
                f"{expected.nbin} from {expected.edges[0]:.4g} to {expected.edges[-1]:.4g}",
            )

    def error(self, name: str, message: str) -> InputError:
        """An InputError about one HDU."""
        return InputError(f"{WHAT} {self.path}, HDU {name}: {message}")

    def _with_axes(self, name: str, found: SkyMap, expected: tuple[str, ...]) -> SkyMap:
        names = tuple(axis.name for axis in found.axes)
        if names == ("energy",) and expected == ("energy_true",):  # written by gammapy before 0.18
            return replace(found, axes=(found.axes[0].renamed("energy_true"),))
        if names != expected:
            raise self.error(name, f"its axes are ({', '.join(names)}), expected ({', '.join(expected)})")
        return found

    def _converted(self, name: str, found: SkyMap, unit: u.UnitBase) -> SkyMap:
        try:
            factor = found.unit.to(unit)
        except u.UnitConversionError:
            raise self.error(name, f"unit '{found.unit}' does not convert to '{unit}'; correct BUNIT") from None
        return replace(found, data=found.data * found.data.dtype.type(factor), unit=unit)

    def _read_livetime(self, exposure: SkyMap) -> Quantity | None:
        value = exposure.meta.get("livetime")
        if value is None:
            return None
        try:
            return Quantity(value).to(u.s)
        except (TypeError, ValueError, u.UnitConversionError):
            raise self.error("EXPOSURE", f"livetime in META is {value!r}; expected a time such as '1600 s'") from None


def _one_map(hdus: Any, name: str) -> SkyMap:
    if not hdus[name].is_image:
        raise InputError(f"HDU {name}: a table, not an image. Is it a spectrum? Give a file of maps")
    return SkyMap.from_hdus(hdus, name)


def _one_table(path: Path, hdu: Any) -> FitsTable:
    if not isinstance(hdu, fits.BinTableHDU):
        raise InputError(f"HDU {hdu.name}: expected a table")
    assert hdu.data is not None  # read while the file is open
    return FitsTable.from_hdu(hdu, path)


def _place(geometry: WcsGeometry) -> str:
    center = geometry.center.spherical
    return f"({center.lon.deg:.4f}, {center.lat.deg:.4f}) deg {geometry.frame}"

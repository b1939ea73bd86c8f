"""Maps of a flux with the spectrum that it refers to, in one file that gammapy's FluxMaps.read reads (NUMERICS C.6).

The file has one image for each quantity: NORM and what belongs to it (NORM_ERR, NORM_UL, ...), TS, SQRT_TS, NPRED,
NPRED_EXCESS, COUNTS, ...; its primary header names the file of the reference model, which lies beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import astropy.units as u
import numpy as np
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.gadf import gti_bytes
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.dl3.gti import Gti, read_gti
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.map_files import header_of, map_names, open_maps, write_hdus
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.models.models_yaml import read_models, write_models
from gammapy_hli.engine.models.sky_model import Models, SkyModel

NORMS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "norm_sensitivity")
OTHERS = (
    *("ts", "sqrt_ts", "npred", "npred_excess", "counts", "stat", "stat_null", "niter", "is_ul", "success"),
    *("alpha", "acceptance_on", "acceptance_off"),
)
#: SED type -> unit of its maps.
UNITS = {"dnde": "cm-2 s-1 TeV-1", "flux": "cm-2 s-1", "eflux": "TeV cm-2 s-1", "e2dnde": "TeV cm-2 s-1"}
WHAT = "flux maps"


@dataclass(frozen=True, eq=False, repr=False)
class FluxMaps(Summary):
    """Norms of a reference spectrum in every pixel and band, and what was found beside them.

    Attributes
    ----------
    maps : mapping of str to SkyMap
        ``norm`` at least, and any of `NORMS` and `OTHERS`; all of shape (bands, ny, nx), without unit.
    reference : SkyModel
        What norm 1 stands for.
    gti : Gti or None
        When the data were taken.
    """

    maps: Mapping[str, SkyMap]
    reference: SkyModel
    gti: Gti | None = None

    def __post_init__(self) -> None:
        known = (*NORMS, *OTHERS)
        for name in self.maps:
            if name not in known:
                raise ValueError(f"flux maps hold no {name!r}.{did_you_mean(name, known)} Allowed: {', '.join(known)}")
        if "norm" not in self.maps:
            raise ValueError(f"flux maps need a map 'norm'; got {', '.join(self.maps) or 'none'}")
        first = self.maps["norm"]
        for name, one in self.maps.items():
            same_axes = [axis.name for axis in one.axes] == ["energy"] and one.axes[0].same_as(first.axes[0])
            if not (same_axes and one.geometry.same_as(first.geometry)):
                raise ValueError(f"flux maps: {name} has not the pixels and bands of norm")
        object.__setattr__(self, "maps", MappingProxyType(dict(self.maps)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.maps), self.reference, self.gti)

    @property
    def energy(self) -> Axis:
        """The bands."""
        return self.maps["norm"].axes[0]

    def __getitem__(self, name: str) -> SkyMap:
        """A map by name: one that is held, or a norm in another SED type, such as ``flux_ul`` or ``dnde``."""
        if name in self.maps:
            return self.maps[name]
        sed_type, _, suffix = name.partition("_")
        norm = f"norm_{suffix}" if suffix else "norm"
        if sed_type not in UNITS or norm not in self.maps:
            allowed = [*self.maps, *(one.replace("norm", kind) for kind in UNITS for one in NORMS if one in self.maps)]
            raise KeyError(f"no map {name!r}.{did_you_mean(name, allowed)} Maps: {', '.join(allowed)}")
        factor = self.reference_values(sed_type)
        values = self.maps[norm].data * factor.value[:, np.newaxis, np.newaxis]
        return replace(self.maps[norm], data=values, unit=factor.unit)

    def reference_values(self, sed_type: str) -> u.Quantity:
        """What norm 1 is in each band: dnde and e2dnde at its middle (geometric), flux and eflux over it."""
        spectral, unit = self.reference.spectral, UNITS[sed_type]
        if sed_type in ("flux", "eflux"):
            between = spectral.integral if sed_type == "flux" else spectral.energy_flux
            return u.Quantity([between(low, high) for low, high in pairwise(self.energy.edges)]).to(unit)
        dnde = spectral(self.energy.center)
        return (dnde if sed_type == "dnde" else dnde * self.energy.center**2).to(unit)

    def summary(self) -> dict[str, Any]:
        """Maps, bands, pixels and the reference spectrum."""
        edges = self.energy.edges
        return {
            "maps": ", ".join(self.maps),
            "bands": f"{self.energy.nbin}, {edges[0]:.4g} to {edges[-1]:.4g}",
            "pixels": self.maps["norm"].geometry.words(),
            "reference": self.reference.spectral.tag,
        }

    # -- files -------------------------------------------------------------------------------------------------------

    def write(self, path: Path | str) -> list[Path]:
        """Write ``<name>.fits`` and, beside it, ``<name>_model.yaml``; files that are there are replaced."""
        path = Path(path)
        model = path.with_name(f"{path.name.partition('.')[0]}_model.yaml")
        write_models(Models([self.reference]), model)
        hdus = [fits.PrimaryHDU(header=header_of({"SED_TYPE": "likelihood", "MODEL": model.name}))]
        hdus += [hdu for name, one in self.maps.items() for hdu in one.to_hdus(name)]
        if self.gti is not None:
            hdus.append(fits.BinTableHDU.fromstring(gti_bytes(self.gti)))
        return [write_hdus(path, hdus, overwrite=True), model]

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read what `write` or gammapy wrote, of SED type likelihood; the model is looked for beside the file.

        Raises
        ------
        InputError
            A file is missing or damaged, holds no norm, or names no model.
        """
        path = Path(path)
        with open_maps(path, WHAT) as hdus:
            header = hdus[0].header
            sed_type, model = str(header.get("SED_TYPE", "likelihood")), header.get("MODEL")
            if sed_type != "likelihood":
                raise InputError(f"SED_TYPE is {sed_type!r}; expected 'likelihood', that is norms")
            if model is None:
                raise InputError("no MODEL in the primary header; expected the name of the file of the reference model")
            names = [name for name in map_names(hdus) if name.lower() in (*NORMS, *OTHERS)]
            maps = {name.lower(): SkyMap.from_hdus(hdus, name) for name in names}
            has_gti = "GTI" in [hdu.name for hdu in hdus]
            gti = read_gti(FitsTable.from_hdu(hdus["GTI"], path)) if has_gti else None
        places = [path.parent / str(model), path.parent / Path(str(model)).name]
        file = next((place for place in places if place.is_file()), None)
        if file is None:
            raise InputError(f"{WHAT} {path}: the file of the reference model, {places[0]}, is not there")
        found = read_models(file)
        try:
            return cls(maps, next(one for one in found if isinstance(one, SkyModel)), gti)
        except (ValueError, StopIteration) as error:
            raise InputError(f"{WHAT} {path}: {error or 'the model file holds no source'}") from None

"""Flux maps from what the estimators of maps give: norms of a reference spectrum, with counts and significance."""

from collections.abc import Mapping
from dataclasses import replace

import astropy.units as u
import numpy as np

from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.products.flux_maps import FluxMaps

_FLUXES = ("flux", "flux_err", "flux_errn", "flux_errp", "flux_ul")


def flux_maps_of_ts(maps: Mapping[str, SkyMap], reference: SkyModel, gti: Gti | None = None) -> FluxMaps:
    """Flux maps from the maps of `estimate_ts_maps`: norms, ts, sqrt_ts, npred_excess, niter.

    Parameters
    ----------
    maps : mapping of str to SkyMap
    reference : SkyModel
        The source of the TS map.
    gti : Gti, optional
    """
    held = {name: maps[name] for name in ("ts", "sqrt_ts", "npred_excess", "niter")}
    return FluxMaps({**_norms(maps, reference), **held}, reference, gti)


def flux_maps_of_excess(maps: Mapping[str, SkyMap], reference: SkyModel, gti: Gti | None = None) -> FluxMaps:
    """Flux maps from the maps of `estimate_excess_maps` with a spectrum: norms, sqrt_ts, ts, counts, npred.

    ``npred`` is background and excess together, which are the counts; ``ts`` the square of the significance.
    """
    significance = maps["significance"]
    held = {
        "ts": significance.with_data(significance.data**2),
        "sqrt_ts": significance,
        "npred": maps["counts"],
        "npred_excess": maps["excess"],
        "counts": maps["counts"],
    }
    return FluxMaps({**_norms(maps, reference), **held}, reference, gti)


def _norms(maps: Mapping[str, SkyMap], reference: SkyModel) -> dict[str, SkyMap]:
    """Fluxes in units of that of the reference in each band."""
    edges = maps["flux"].axis("energy").edges
    norms = {}
    for name in _FLUXES:
        if name in maps:
            one = maps[name]
            unit = np.array(
                [reference.spectral.integral(*edges[k : k + 2]).to_value(one.unit) for k in range(len(edges) - 1)]
            )
            data = one.data / unit[:, np.newaxis, np.newaxis]
            norms[name.replace("flux", "norm")] = replace(one, data=data, unit=u.dimensionless_unscaled)
    return norms

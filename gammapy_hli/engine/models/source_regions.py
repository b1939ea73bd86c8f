"""Circles around the sources of a model, such as the sky that a background estimate leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import astropy.units as u
from astropy.units import Quantity

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.sky_model import Models, SkyModel

if TYPE_CHECKING:
    from regions import CircleSkyRegion


def source_circles(
    models: Models, names: Sequence[str] | None = None, margin: Quantity = 0 * u.deg
) -> list[CircleSkyRegion]:
    """A circle around each source, of its evaluation radius and a margin.

    Parameters
    ----------
    models : Models
    names : sequence of str, optional
        Which sources; default all that have a position and a finite size.
    margin : Quantity [deg]
        Added to the radius beyond which the spatial model hardly shines: 0 for a point, 5 sigma for a Gaussian.

    Returns
    -------
    list of CircleSkyRegion
        In the frames of the sources.

    Raises
    ------
    InputError
        A name that is no source, a named source that fills the sky or has no place, or none with a place; a circle of
        radius 0.
    """
    sources = {model.name: model for model in models if isinstance(model, SkyModel)}
    for name in names or ():
        if name not in sources:
            raise InputError(
                f"no source {name!r}; the sources are {', '.join(sources) or 'none'}.{did_you_mean(name, sources)}"
            )
    if names is None:
        wanted = [model for model in sources.values() if _has_place(model)]
        if not wanted:
            raise InputError(f"no source with a position among {', '.join(sources) or 'none'}: nothing to exclude")
    else:
        wanted = [sources[name] for name in names]
    return [_circle(model, margin) for model in wanted]


def _has_place(model: SkyModel) -> bool:
    return model.position is not None and model.spatial is not None and model.spatial.evaluation_radius is not None


def _circle(model: SkyModel, margin: Quantity) -> CircleSkyRegion:
    from regions import CircleSkyRegion  # late: slow to load, needed only where there is a region

    if not _has_place(model):
        what = "has no spatial model" if model.spatial is None else f"({model.spatial.tag}) fills the sky"
        raise InputError(f"source {model.name!r} {what}: it has no circle to exclude; leave it out of the names")
    assert model.spatial is not None
    radius = model.spatial.evaluation_radius + margin.to(u.deg)
    if not radius > 0 * u.deg:
        raise InputError(f"source {model.name!r} is a point and the margin is {margin:g}: nothing to exclude")
    return CircleSkyRegion(model.position, radius)

"""The table of all models: what a configuration can name, with parameters, units, defaults, help. Imports no numpy.

Packages outside add spectral models by the entry-point group ``gammapy_hli.models``: the name of the entry point is
``spectral.<tag>``, and it points to a `ModelEntry` in a module that is cheap to import. It is loaded only when that tag
is chosen.
"""

from collections.abc import Iterable
from importlib.metadata import entry_points

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.entries import DNDE, Kind, ModelEntry, OptionEntry, ParameterEntry
from gammapy_hli.engine.models.spatial_table import BACKGROUND_ENTRIES, SPATIAL_ENTRIES, TEMPORAL_ENTRIES
from gammapy_hli.engine.models.spectral_table import SPECTRAL_ENTRIES

__all__ = [
    "BACKGROUND",
    "CATALOGUE",
    "DNDE",
    "PLUGIN_GROUP",
    "SPATIAL",
    "SPECTRAL",
    "TEMPORAL",
    "ModelEntry",
    "OptionEntry",
    "ParameterEntry",
    "plugin_tags",
    "resolve_tag",
]

PLUGIN_GROUP = "gammapy_hli.models"


def _by_tag(entries: Iterable[ModelEntry]) -> dict[str, ModelEntry]:
    return {entry.tag: entry for entry in entries}


SPECTRAL = _by_tag(SPECTRAL_ENTRIES)
SPATIAL = _by_tag(SPATIAL_ENTRIES)
TEMPORAL = _by_tag(TEMPORAL_ENTRIES)
BACKGROUND = _by_tag(BACKGROUND_ENTRIES)
CATALOGUE: dict[str, dict[str, ModelEntry]] = {
    "spectral": SPECTRAL,
    "spatial": SPATIAL,
    "temporal": TEMPORAL,
    "background": BACKGROUND,
}


def plugin_tags(kind: Kind) -> tuple[str, ...]:
    """Tags that other installed packages add for a kind of model; nothing of theirs is imported."""
    prefix = f"{kind}."
    names = (point.name for point in entry_points(group=PLUGIN_GROUP))
    return tuple(sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix)))


def resolve_tag(tag: str, kind: Kind = "spectral") -> ModelEntry:
    """The entry of a model by its long or short tag.

    Raises
    ------
    InputError
        No model of that kind has the tag; the message suggests the nearest one and lists the short tags.

    Examples
    --------
    >>> resolve_tag("pl").tag
    'PowerLawSpectralModel'
    """
    for entry in CATALOGUE[kind].values():
        if tag in entry.tags:
            return entry
    for point in entry_points(group=PLUGIN_GROUP):
        if point.name == f"{kind}.{tag}":
            return _load_plugin(point.name, point.load())
    known = [name for entry in CATALOGUE[kind].values() for name in entry.tags] + list(plugin_tags(kind))
    short = ", ".join(entry.short[0] for entry in CATALOGUE[kind].values())
    raise InputError(
        f"unknown {kind} model type {tag!r}.{did_you_mean(tag, known)} Allowed: {short} (or the long names)."
    )


def _load_plugin(name: str, loaded: object) -> ModelEntry:
    if not isinstance(loaded, ModelEntry):
        raise InputError(
            f"entry point {name!r} of the group {PLUGIN_GROUP!r} gives a {type(loaded).__name__}; "
            "expected a ModelEntry (gammapy_hli.engine.models.catalogue). Ask the package that brings it."
        )
    return loaded

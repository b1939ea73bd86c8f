"""Options of a session that was written: those that nobody had set are told apart from the others again."""

import os
import re
from dataclasses import replace

from gammapy_hli.core.component import Component
from gammapy_hli.core.entries import Entry
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import EntrySource, FileSource, Reader, Source

_NOBODY = re.compile(r"#\s*default\s*$")
_SOMEBODY = re.compile(r":\s*#(?!\s*default\s*$)")  # of an optional section


def saved_sources(root: type[Component], path: str | os.PathLike[str]) -> list[Source]:
    """The options of a session as somebody set them; all of them where the defaults of this version are others.

    Parameters
    ----------
    root : type of Component
    path : path
        The ``config.yaml`` of the session.
    """
    whole: list[Source] = [FileSource(path)]
    as_set: list[Source] = [EntrySource(without_defaults(layer)) for layer in Reader().read(whole)]
    found, bare = resolve(root, whole), resolve(root, as_set)
    return as_set if not found.problems and bare.as_dict() == found.as_dict() else whole


def without_defaults(entry: Entry) -> Entry:
    """The options without those whose line says that they are defaults, and without sections that hold no others.

    They mean the same as long as the defaults are those of the version that wrote them.
    """
    if not entry.is_mapping:
        return entry
    kept = {key: without_defaults(child) for key, child in entry.value.items() if not _is_default(child)}
    emptied = {key for key, child in kept.items() if child.is_mapping and not child.value and entry.value[key].value}
    emptied -= {key for key in emptied if key in entry.keys and _SOMEBODY.search(entry.keys[key].text)}
    return replace(entry, value={key: child for key, child in kept.items() if key not in emptied})


def _is_default(entry: Entry) -> bool:
    return bool(_NOBODY.search(entry.origin.text)) and not (entry.is_mapping and entry.value)

"""Options of a session that was written: those that nobody had set are told apart from the others again."""

import re
from dataclasses import replace

from gammapy_hli.core.entries import Entry

_NOBODY = re.compile(r"#\s*default\s*$")


def without_defaults(entry: Entry) -> Entry:
    """The options without those whose line says that they are defaults, and without sections that hold no others.

    They mean the same as long as the defaults are those of the version that wrote them.
    """
    if not entry.is_mapping:
        return entry
    kept = {key: without_defaults(child) for key, child in entry.value.items() if not _is_default(child)}
    emptied = {key for key, child in kept.items() if child.is_mapping and not child.value and entry.value[key].value}
    return replace(entry, value={key: child for key, child in kept.items() if key not in emptied})


def _is_default(entry: Entry) -> bool:
    return bool(_NOBODY.search(entry.origin.text)) and not (entry.is_mapping and entry.value)

"""Did you mean, for files and folders: the nearest name beside the one that is not there."""

import os
from itertools import islice
from pathlib import Path

from gammapy_hli.base.suggest import suggest

_MAX_NAMES = 2000  # of one folder that are looked at


def near_path(path: str | os.PathLike[str]) -> str | None:
    """``Did you mean 'store/demo.yaml'?`` for a path that is not there, or None where no name is close.

    The first part of the path that is missing is compared with what stands in its folder; what follows it is kept where
    the whole is there then.
    """
    wanted = Path(path)
    missing = next((part for part in reversed((wanted, *wanted.parents)) if not part.exists()), None)
    if missing is None:
        return None
    ending = "".join(missing.suffixes)
    try:
        with os.scandir(missing.parent) as entries:
            names = {entry.name.removesuffix(ending): entry.name for entry in islice(entries, _MAX_NAMES)}
    except OSError:
        return None
    found = suggest(missing.name.removesuffix(ending), names)
    if found is None:
        return None
    near = missing.parent / names[found]
    whole = near / wanted.relative_to(missing)
    return f"Did you mean '{whole if whole.exists() else near}'?"


def not_there(path: str | os.PathLike[str], what: str) -> str:
    """``dmo.yaml: no such file. Did you mean 'demo.yaml'?``, the sentence where a path is not there."""
    near = near_path(path)
    return f"{os.fspath(path)}: no such {what}{'' if near is None else '. ' + near}"

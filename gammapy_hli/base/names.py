"""Names of sources, labels, datasets and files: letters, digits and ``_ + -``."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9_+-]+")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_+-]+")


def is_name(name: str) -> bool:
    """True where the text has letters, digits and ``_ + -`` only, and at least one of them."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, what: str = "name") -> str:
    """The name itself; ValueError where a character is not allowed.

    >>> check_name("crab")
    'crab'
    """
    if not isinstance(name, str):
        raise ValueError(f"{what} {name!r} is a {type(name).__name__}; expected text, put it in quotes")
    if is_name(name):
        return name
    if not name:
        raise ValueError(f"{what} is empty; expected letters, digits, '_', '+' or '-'")
    raise ValueError(f"{what} {name!r} has characters other than letters, digits, '_', '+' and '-'; try {slug(name)!r}")


def slug(name: str) -> str:
    """The name as it stands in file names: accents dropped, every run of other characters one ``_``.

    A valid name is its own slug.

    >>> slug("HESS J1825-137 (core)")
    'HESS_J1825-137_core'
    """
    if is_name(name):
        return name
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    found = _NOT_IN_NAME.sub("_", ascii_only).strip("_")
    return found or "name-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """A slug for every name, no two alike: ``_2``, ``_3`` ... is put behind a slug that is already taken.

    Names that are valid as they stand keep their own.
    """
    listed = list(dict.fromkeys(names))
    slugs = {name: name for name in listed if is_name(name)}
    taken = {name.lower() for name in slugs}
    for name in listed:
        if name in slugs:
            continue
        base = candidate = slug(name)
        number = 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{base}_{number}"
        slugs[name] = candidate
        taken.add(candidate.lower())
    return {name: slugs[name] for name in listed}

"""The options that affect a result, as canonical text with their origin: what keys and manifests are made of."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gammapy_hli.core.component import Component
from gammapy_hli.core.inputs import paths_in, with_paths
from gammapy_hli.core.option import InvalidValue, Option
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import plain_text
from gammapy_hli.core.resolve import options
from gammapy_hli.core.scalar_traits import Path, expand_path
from gammapy_hli.core.slots import join


def option_texts(component: Component) -> dict[str, tuple[str, str, bool, str]]:
    """What is recorded of every option in force below a component that affects its result, by dotted path.

    Its text, its origin, whether it names files, and the value as YAML where that is another text. Equal settings have
    equal texts: quantities are written in the unit of their trait, so that 100 GeV is 0.1 TeV. Such a text need not be
    one that could be written in a configuration.
    """
    found = {}
    for part, name in options(component):
        option = part.members()[name]
        if option.affects_result and name != "inputs":
            origin, stored = part.origin_of(name), part.stored(name)
            is_path = next(paths_in(option, stored), None) is not None
            text, value = canonical_text(option, stored, origin), value_text(option, stored, origin)
            found[join(part.dotted_path, name)] = (text, str(origin), is_path, value if value != text else "")
    found |= {path: ("{}", str(origin), False, "") for path, origin in _bare_sections(component)}
    return found


def _bare_sections(component: Component) -> Iterator[tuple[str, Origin]]:
    """Optional sections that are there with nothing set in them: that they are is all that tells them from null."""
    for part in component.components(in_force=True):
        for name, below in part.parts().items():
            is_optional = name in part.members() and part.members()[name].is_optional and name not in part._unused()
            if is_optional and all(each.origin_of(which).kind == "default" for each, which in options(below)):
                yield join(part.dotted_path, name), part.origin_of(name)


def option_places(component: Component) -> dict[str, str]:
    """Absolute path of every input that an option in force below a component names by itself, by dotted path.

    Variables and ``~`` are expanded as they are now; what names a variable that is not defined is left out.
    """
    found = {}
    for part, name in options(component):
        option, stored = part.members()[name], part.stored(name)
        if isinstance(option, Path) and option.role == "input" and option.affects_result and stored is not None:
            with suppress(InvalidValue):
                path = expand_path(stored, part.origin_of(name).folder)
                found[join(part.dotted_path, name)] = os.path.abspath(path)
    return found


def canonical_text(option: Option, stored: Any, origin: Origin) -> str:
    """One text for all ways to write one value."""
    if next(paths_in(option, stored), None) is not None:
        return value_text(option, stored, origin)
    key = option.key(stored)
    is_number = isinstance(key, int | float) and not isinstance(key, bool)
    return f"{plain_text(key)} {option.unit}" if is_number and option.unit else plain_text(key)


def value_text(option: Option, stored: Any, origin: Origin) -> str:
    """The value as YAML, as it can be set again; relative paths as absolute ones."""
    return plain_text(with_paths(option, stored, lambda written: _path_text(written, origin)))


def _path_text(written: str, origin: Origin) -> str:
    """A relative path as an absolute one, so that the text does not depend on the file that it was written in."""
    if os.path.isabs(written) or written.startswith(("$", "~")):
        return written
    return os.path.abspath(os.path.join(origin.folder or ".", written))

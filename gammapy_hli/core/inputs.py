"""The files and folders that a configuration names: whether inputs are there, and that no output is one of them."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.container_traits import List, Mapping
from gammapy_hli.core.option import InvalidValue, Option
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.region_traits import Region, is_region_file
from gammapy_hli.core.scalar_traits import Path, expand_path, missing_path
from gammapy_hli.core.slots import join


@dataclass(frozen=True)
class NamedPath:
    """A path that an option holds.

    Attributes
    ----------
    path : str
        Dotted path of the option.
    trait : Path
    written : str
    origin : Origin
    """

    path: str
    trait: Path
    written: str
    origin: Origin

    @property
    def real(self) -> str | None:
        """The file that is meant, links resolved; None where a variable is not defined."""
        folder = self.origin.folder if self.trait.role == "input" else None
        try:
            return os.path.realpath(expand_path(self.written, folder))
        except InvalidValue:
            return None


def named_paths(root: Component) -> Iterator[NamedPath]:
    """All paths that options in force hold."""
    for component in root.components(in_force=True):
        for name, member in component.members().items():
            if isinstance(member, Option) and not member.internal:
                origin = component.origin_of(name)
                for trait, written in paths_in(member, component.stored(name)):
                    yield NamedPath(join(component.dotted_path, name), trait, written, origin)


_REGION_FILE = Path(role="input", help="A DS9 file.")


def paths_in(option: Option, stored: Any) -> Iterator[tuple[Path, str]]:
    """The paths that a stored value holds, as they are written, with the trait of each."""
    if stored is None:
        return
    if isinstance(option, Path):
        yield option, stored
    elif isinstance(option, Region):
        if is_region_file(stored):
            yield _REGION_FILE, stored
    elif isinstance(option, List | Mapping):
        values = stored.values() if isinstance(stored, dict) else stored if isinstance(stored, list) else [stored]
        for value in values:
            yield from paths_in(option.item, value)


def with_paths(option: Option, stored: Any, change: Callable[[str], str]) -> Any:
    """A stored value whose paths are changed by a function."""
    if stored is None:
        return None
    if isinstance(option, List):
        return [with_paths(option.item, item, change) for item in (stored if isinstance(stored, list) else [stored])]
    if isinstance(option, Mapping):
        return {key: with_paths(option.item, item, change) for key, item in stored.items()}
    return change(stored) if next(paths_in(option, stored), None) is not None else stored


def named_files(root: Component) -> tuple[str, ...]:
    """The input files, not folders, that options in force hold and that are there; absolute, each once."""
    found: dict[str, None] = {}
    for named in named_paths(root):
        if named.trait.role == "input" and not named.trait.folder:
            try:
                path = os.path.abspath(expand_path(named.written, named.origin.folder))
            except InvalidValue:
                continue
            if os.path.isfile(path):
                found[path] = None
    return tuple(found)


def missing_inputs(root: Component, steps: Sequence[str] | None = None) -> list[Problem]:
    """Inputs that are not there, and variables that are not defined.

    Parameters
    ----------
    root : Component
    steps : sequence of str, optional
        Sections of tools to look at, with labels; by default everything.
    """
    problems = []
    for named in named_paths(root):
        section = named.path.partition(".")[0]
        is_step = root.can_label(f"{section.partition('@')[0]}@x")
        if named.trait.role == "input" and (steps is None or not is_step or section in steps):
            problem = missing_path(named.trait, named.written, named.origin, named.path)
            if problem is not None:
                problems.append(problem)
    return problems


def output_conflicts(root: Component, steps: Sequence[str] = ()) -> Iterator[Problem]:
    """Outputs that are an input, or inside one, or that hold one where a step writes; the problem names both places.

    Parameters
    ----------
    root : Component
    steps : sequence of str, optional
        Names of the folders below an output folder that are replaced.
    """
    listed = list(named_paths(root))
    inputs = [named for named in listed if named.trait.role == "input" and named.real is not None]
    for named in listed:
        if named.trait.role != "output" or named.real is None:
            continue
        for other in inputs:
            how = _conflict(named.real, str(other.real), other.trait.folder, steps)
            if how is not None:
                message = (
                    f"'{named.written}' {how} the input '{other.path}' ({other.origin}); nothing is written to an input"
                )
                yield named.origin.problem("output-is-input", named.path, message, hint="Choose another folder.")
                break


def _conflict(output: str, given: str, is_folder: bool, steps: Sequence[str]) -> str | None:
    """How writing to a path would touch an input, in words; None where it would not."""
    if output == given:
        return "is also"
    if is_folder and _is_inside(output, given):
        return "lies inside"
    if any(_is_inside(given, os.path.join(output, step)) for step in steps):
        return "holds, where a step writes,"
    return None


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))

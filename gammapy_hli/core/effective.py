"""The configuration in force, written back as YAML: every option with its origin as a comment.

Reading the text back gives the same values. Relative inputs are rewritten for the folder that it is written to.
"""

import os
from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.core.chain import step_name, steps_of, tool_slots
from gammapy_hli.core.component import Component
from gammapy_hli.core.container_traits import List, Mapping
from gammapy_hli.core.option import Option
from gammapy_hli.core.origins import PYTHON_ORIGIN, Origin
from gammapy_hli.core.plain import key_text, plain_text
from gammapy_hli.core.region_traits import Region, is_region_file
from gammapy_hli.core.scalar_traits import Path
from gammapy_hli.core.slots import NamedItems, join
from gammapy_hli.core.sources import CONFIG_VERSION


def effective_yaml(
    root: Component,
    folder: str | os.PathLike[str] | None = None,
    *,
    comments: bool = True,
    instead: AbstractMapping[str, Any] | None = None,
) -> str:
    """All options in force as YAML.

    Parameters
    ----------
    root : Component
        The tree of options.
    folder : path, optional
        Where the text will stand; relative inputs are rewritten for it. None leaves them as they were written.
    comments : bool
        Whether each line tells who set the value.
    instead : mapping of dotted path to stored value, optional
        Values of plain options to write in the place of those in force.

    Returns
    -------
    str
    """
    writer = _Writer(None if folder is None else FilePath(os.path.abspath(folder)), comments, instead or {})
    lines = [f"config_version: {CONFIG_VERSION}"]
    for name, member in root.members().items():
        if isinstance(member, Option) and not member.internal and name != "steps":
            lines += writer.option(root, name, 0)
    tools = tool_slots(type(root))
    steps = steps_of(root)
    if tools:
        lines.append(writer.noted(f"steps: {plain_text(list(steps))}", root.origin_of("steps")))
    sections = {step.partition("@")[0] for step in steps}
    for name, part in root.parts().items():
        is_other = name in tools and name not in sections  # of a step that does not run: what was set, for later
        written = [] if "@" in name else writer.part(name, part, 0, own=is_other)
        lines += ["", *written] if written else []
    for name in (*steps, *(name for name in root.parts() if name not in steps)):
        if "@" in name:
            labelled = writer.part(step_name(type(root), name), root.make_labelled(name), 0, own=True)
            lines += ["", *labelled] if labelled else []
    return "\n".join(lines) + "\n"


def value_text(root: Component, path: str) -> str:
    """The canonical text of one option."""
    above, _, name = path.rpartition(".")
    component = root[above] if above else root
    return plain_text(component.stored(name))


class _Writer:
    def __init__(self, folder: FilePath | None, comments: bool, instead: AbstractMapping[str, Any]):
        self.folder = folder
        self.instead = instead
        self.comments = comments

    def part(self, name: str, part: Any, depth: int, own: bool) -> list[str]:
        indent = "  " * depth
        key = name if "@" in name else key_text(name)
        inside = list(self.inside(part, depth + 1, own))
        if inside:
            return [f"{indent}{key}:", *inside]
        return [] if own else [f"{indent}{key}: {{}}"]

    def inside(self, part: Any, depth: int, own: bool) -> Iterator[str]:
        if isinstance(part, NamedItems):
            for name, item in part.items():
                yield from self.part(name, item, depth, own)
            return
        unused = part._unused()
        for name, member in part.members().items():
            if member.internal or name in unused:
                continue
            if isinstance(member, Option):
                if not own or part.is_own(name):
                    yield from self.option(part, name, depth)
            elif not own or name in part._children or part.is_own(name):
                below = part.child(name)
                if below is None:
                    yield self.noted(f"{'  ' * depth}{name}: null", part.origin_of(name))
                elif member.is_optional:
                    yield from self.optional(part, name, depth, own)
                else:
                    yield from self.part(name, below, depth, own)

    def optional(self, part: Any, name: str, depth: int, own: bool) -> Iterator[str]:
        """A section that need not be there: that it is says something, even where nothing in it was set."""
        inside = self.part(name, part.child(name), depth, own)[1:]
        if inside or part.is_own(name):
            head = f"{'  ' * depth}{name}:" if inside else f"{'  ' * depth}{name}: {{}}"
            yield self.noted(head, part.origin_of(name))
        yield from inside

    def option(self, component: Component, name: str, depth: int) -> list[str]:
        option = component.members()[name]
        stored = component.stored(name)
        settings = component._settings.get(name, [])
        was_cleared = bool(settings) and settings[-1].cleared
        if stored is None and (option.required or was_cleared or option.group is not None):
            return []
        origin = component.origin_of(name)
        path = join(component.dotted_path, name)
        if path in self.instead:
            return [self.noted(f"{'  ' * depth}{name}: {plain_text(self.instead[path])}", PYTHON_ORIGIN)]
        here = stored if self.folder is None else stored_for(option, stored, origin.folder, self.folder)
        text = plain_text(here)
        line = f"{'  ' * depth}{name}: {text}"
        return [self.noted(line, origin)]

    def noted(self, line: str, origin: Origin) -> str:
        """The line with its origin as a comment."""
        return f"{line}  # {origin}" if self.comments else line


def stored_for(option: Option, stored: Any, before: FilePath | None, after: FilePath) -> Any:
    """A stored value with its relative inputs, which hold from one folder, as they hold from another.

    Parameters
    ----------
    option : Option
    stored : object
        In the canonical plain form of the option.
    before : Path, optional
        Folder that the value was written for; None for the working directory.
    after : Path
    """
    if stored is None:
        return None
    if isinstance(option, List) and isinstance(stored, list):
        return [stored_for(option.item, item, before, after) for item in stored]
    if isinstance(option, List):
        return stored_for(option.item, stored, before, after)
    if isinstance(option, Mapping):
        return {key: stored_for(option.item, item, before, after) for key, item in stored.items()}
    is_input = isinstance(option, Path) and option.role == "input"
    if is_input or (isinstance(option, Region) and is_region_file(stored)):
        return relative_path(stored, before, after)
    return stored


def relative_path(written: str, before: FilePath | None, after: FilePath) -> str:
    """A path that is relative to one folder (None: the working directory) as it is relative to another."""
    if os.path.isabs(written) or written.startswith(("$", "~")):
        return written
    full = os.path.join(os.path.realpath(before or "."), written)
    return os.path.relpath(full, os.path.realpath(after))

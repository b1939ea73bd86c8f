"""An analysis as a commented configuration: what is set is active, what is not stands there to be set.

The convention is that of the template (`core.template`): lines with ``##`` are words, one ``#`` before a line means:
take it away to set the option.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gammapy_hli.core.chain import steps_of, tool_slots
from gammapy_hli.core.component import Component
from gammapy_hli.core.effective import stored_for
from gammapy_hli.core.option import Option
from gammapy_hli.core.plain import key_text, plain_text
from gammapy_hli.core.slots import NamedItems, join
from gammapy_hli.core.sources import CONFIG_VERSION

_WIDTH = 110
_COLUMN = 34  # where short helps begin, where the line leaves room

Shown = Literal["given", "basic", "all"]
"""Options that nobody set, and that are shown: none, the everyday ones, all."""
Helps = Literal["short", "full"]
"""The help of an option behind it, or above it with all that it expects."""


@dataclass(frozen=True)
class Notes:
    """Words beside options and sections.

    Attributes
    ----------
    heading : sequence of str
        First lines of the file.
    above : mapping of dotted path to sequence of str
        Paragraphs above an option or a section.
    instead : mapping of dotted path to sequence of str
        Lines of YAML, commented out, that stand in a section: a proposal that is not in force.
    """

    heading: Sequence[str] = ()
    above: Mapping[str, Sequence[str]] = field(default_factory=dict)
    instead: Mapping[str, Sequence[str]] = field(default_factory=dict)


def commented_yaml(
    root: Component, folder: Path, *, shown: Shown = "basic", notes: Notes | None = None, helps: Helps = "full"
) -> str:
    """The configuration of an analysis, each option with its help; read back it gives the same values.

    Parameters
    ----------
    root : Component
        The analysis.
    folder : Path
        Where the text will stand; relative inputs are rewritten for it.
    shown : {"given", "basic", "all"}
        Which options that nobody set stand there too, commented out.
    notes : Notes, optional
    helps : {"short", "full"}

    Returns
    -------
    str
    """
    writer = _Writer(folder, shown, notes or Notes(), helps)
    return "\n".join(writer.file(root)) + "\n"


@dataclass(frozen=True)
class _Writer:
    folder: Path
    shown: Shown
    notes: Notes
    helps: Helps

    def file(self, root: Component) -> Iterator[str]:
        for text in self.notes.heading:
            yield from self.words(text, 0) if text else [""]
        yield f"config_version: {CONFIG_VERSION}"
        tools = tool_slots(type(root))
        steps = steps_of(root)
        sections = {step.partition("@")[0] for step in steps}
        for name, member in root.members().items():
            if member.internal:
                continue
            if isinstance(member, Option):
                yield from ["", *self.option(root, name, 0, True)]
            elif name not in tools or name in sections or self.is_told(root, name):
                lines = list(self.part(root, name, root.child(name), 0, True))
                yield from ["", *lines] if lines else []
        for step in steps:
            if "@" in step:
                yield ""
                yield from self.labelled(root, step)

    def labelled(self, root: Component, step: str) -> Iterator[str]:
        """A section with a label: only what was set for it."""
        below = list(self.inside(root[step], 1, True, own=True))
        yield from self.words_of(step, 0)
        yield f"{step}:" if below else f"{step}: {{}}"
        yield from below

    def part(self, owner: Component, name: str, child: Any, depth: int, is_active: bool) -> Iterator[str]:
        """A part with all that is in it; its head is commented out where nothing in it is set."""
        member = owner.members()[name]
        path = join(owner.dotted_path, name)
        is_given = is_active and (self.is_given(child) or owner.is_own(name))
        if not (is_given or self.is_shown(member) or self.is_told(owner, name)):
            return
        yield from self.words_of(path, depth, str(member.help))
        sign, indent = "" if is_given else "#", "  " * depth
        head = f"{sign}{indent}{key_text(name)}:"
        if child is None:
            yield f"{head} null"
        elif isinstance(child, NamedItems):
            below = [line for key, item in child.items() for line in self.item(key, item, depth + 1)]
            yield from [head, *below] if below else [f"{head} {{}}"]
        else:
            below = list(self.inside(child, depth + 1, is_given))
            below += [f"#{'  ' * (depth + 1)}{text}" for text in self.notes.instead.get(path, ())]
            yield head if any(not line.startswith("##") for line in below) else f"{head} {{}}"
            yield from below

    def item(self, key: str, item: Component, depth: int) -> Iterator[str]:
        """A named item, such as a source of the model."""
        yield f"{'  ' * depth}{key_text(key)}:"
        yield from self.inside(item, depth + 1, True)

    def inside(self, part: Component, depth: int, is_active: bool, own: bool = False) -> Iterator[str]:
        unused = part._unused()
        for name, member in part.members().items():
            if member.internal or name in unused:
                continue
            if isinstance(member, Option):
                if not own or part.is_own(name):
                    yield from self.option(part, name, depth, is_active)
            elif not own or self.is_given(part.child(name)) or part.is_own(name):
                yield from self.part(part, name, part.child(name), depth, is_active)

    def option(self, part: Component, name: str, depth: int, is_active: bool) -> Iterator[str]:
        option = part.members()[name]
        path = join(part.dotted_path, name)
        is_given = is_active and part.is_own(name)
        if not (is_given or self.is_shown(option) or path in self.notes.above):
            return
        origin = part.origin_of(name)
        value = stored_for(option, part.stored(name), origin.folder, self.folder)
        line = f"{'' if is_given else '#'}{'  ' * depth}{key_text(name)}: {plain_text(value)}"
        if self.helps == "short":
            behind = f"{line:<{_COLUMN}}  # {option.help}"
            is_short = len(behind) <= _WIDTH
            yield from self.words_of(path, depth, "" if is_short else option.help)
            yield behind if is_short else line
        else:
            required = "; required" if option.required else ""
            yield from self.words_of(path, depth, f"{option.help} ({option.expected()}{required})")
            yield line

    def is_told(self, owner: Component, name: str) -> bool:
        """Whether a part has something to say: options that were set, or notes."""
        path = join(owner.dotted_path, name)
        inside = (
            note for note in (*self.notes.above, *self.notes.instead) if note == path or note.startswith(f"{path}.")
        )
        return any(inside) or self.is_given(owner.child(name))

    def is_shown(self, member: Any) -> bool:
        """Whether an option or part that nobody set is shown."""
        return self.shown == "all" or (self.shown == "basic" and member.level == "basic")

    def is_given(self, child: Any) -> bool:
        """Whether anything in a part was set."""
        if child is None:
            return False
        if isinstance(child, NamedItems):
            return len(child) > 0
        unused = child._unused()
        return any(
            child.is_own(name) or (not isinstance(member, Option) and self.is_given(child.child(name)))
            for name, member in child.members().items()
            if name not in unused and not member.internal
        )

    def words_of(self, path: str, depth: int, help_text: str = "") -> Iterator[str]:
        """The help of an option, and the notes that belong to it."""
        if help_text:
            yield from self.words(help_text, depth)
        for text in self.notes.above.get(path, ()):
            yield from self.words(text, depth)

    def words(self, text: str, depth: int) -> list[str]:
        indent = f"## {'  ' * depth}"
        return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)

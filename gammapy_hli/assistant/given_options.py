"""What was set in a part of an analysis, option by option, with the help of each: what a script has to set again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gammapy_hli.core.component import Component
from gammapy_hli.core.effective import stored_for
from gammapy_hli.core.option import Option
from gammapy_hli.core.plain import thaw
from gammapy_hli.core.slots import NamedItems


@dataclass(frozen=True)
class GivenOption:
    """A direct member of a section that was set.

    Attributes
    ----------
    name : str
    value : object
        Plain; for a part the nested mapping of what was set in it, None where it was set to null.
    help : str
    """

    name: str
    value: Any
    help: str


def given_options(part: Component, folder: Path, *, only_changed: bool = False) -> list[GivenOption]:
    """The members of a section that were set for it, in the order of their declaration.

    Parameters
    ----------
    part : Component
        A section; of a labelled one what was set for its label.
    folder : Path
        Where relative inputs will be read from; they are rewritten for it.
    only_changed : bool
        Whether values that equal the default are left out: in a saved configuration every option is set.
    """
    chooser = _Chooser(folder, only_changed)
    return [GivenOption(name, value, str(part.members()[name].help)) for name, value in chooser.items(part)]


@dataclass(frozen=True)
class _Chooser:
    folder: Path
    only_changed: bool

    def items(self, part: Component) -> Iterator[tuple[str, Any]]:
        unused = part._unused()
        for name, member in part.members().items():
            if member.internal or name in unused:
                continue
            if isinstance(member, Option):
                if self.is_wanted(part, name):
                    origin = part.origin_of(name)
                    yield name, thaw(stored_for(member, part.stored(name), origin.folder, self.folder))
            else:
                yield from self.below(part, name)

    def is_wanted(self, part: Component, name: str) -> bool:
        """Whether an option was set here, and counts."""
        if not part.is_own(name):
            return False
        is_whole = not self.only_changed or part.is_typed  # of a model all parameters
        return is_whole or part.members()[name].required or self.differs(part, name)

    def differs(self, part: Component, name: str) -> bool:
        """Whether an option differs from its default; in a labelled section from the section without label too."""
        return part.is_changed(name) or any(setting.inherited for setting in part.history_of(name))

    def below(self, part: Component, name: str) -> Iterator[tuple[str, Any]]:
        """The part of a name as a mapping, where something in it was set."""
        child = part.child(name)
        if isinstance(child, NamedItems):
            inside: dict[str, Any] = {key: dict(self.items(item)) for key, item in child.items()}
        else:
            inside = {} if child is None else dict(self.items(child))
        if inside:
            yield name, inside
        elif part.is_own(name) and (child is not None or not self.only_changed):
            yield name, None if child is None else {}

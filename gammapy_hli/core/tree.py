"""Components as a tree: what a component is part of, and its own parts."""

from collections.abc import Iterator, Mapping
from typing import Any

from gammapy_hli.core.origins import Origin, Setting
from gammapy_hli.core.slots import Alternatives, Member, NamedItems, join, option_name
from gammapy_hli.core.valued import Valued


class InTree(Valued):
    """A `gammapy_hli.core.component.Component` as part of others, and its parts."""

    _children: dict[str, Any]
    _owner: Any
    _key: str

    @property
    def dotted_path(self) -> str:
        """Dotted path in the configuration; empty for the root."""
        return "" if self._owner is None else join(self._owner.dotted_path, self._key)

    @property
    def owner(self) -> Any:
        """The component that this one is part of; None for the root."""
        return self._owner

    @property
    def root(self) -> Any:
        """The component at the top."""
        node = self
        while node.owner is not None:
            node = node.owner
        return node

    def child(self, name: str) -> Any:
        """The part of a name; None for an optional one that nobody set."""
        if name not in self._children:
            member = self.members()[name]
            if member.is_optional:
                return None
            return self.make_child(name)
        return self._children[name]

    def make_child(self, name: str) -> Any:
        """The part of a name, new where there is none."""
        if name not in self._children:
            self._children[name] = self.members()[name].make_child(self)
        return self._children[name]

    def clear_child(self, name: str, origin: Origin, *, inherited: bool = False) -> None:
        """Set an optional part to None."""
        self._children.pop(name, None)
        self._settings.setdefault(name, []).append(Setting(None, origin, inherited))

    def defaults_of_child(self, name: str) -> Mapping[str, Any]:
        """Defaults that were given for a part."""
        found = self._defaults.get(name)
        return found if isinstance(found, Mapping) else {}

    def chosen(self, name: str) -> Any:
        """The component that an `Alternatives` option chooses; None for an alternative without options."""
        member = self.members()[name]
        slot = option_name(getattr(self, name) or "")
        return self.child(slot) if slot in member.slots else None

    def components(self, *, in_force: bool = False) -> Iterator[Any]:
        """This component and all live ones below; `in_force`: without alternatives that are not chosen."""
        yield self
        unused = self._unused() if in_force else set()
        for name, part in self.parts().items():
            if name not in unused:
                for item in part.values() if isinstance(part, NamedItems) else (part,):
                    yield from item.components(in_force=in_force)

    def parts(self) -> dict[str, Any]:
        """Live sub-components and named items; of alternatives only those that are chosen or that somebody set."""
        unused = self._unused()
        found = {}
        for name, member in self.members().items():
            part = (
                self._children.get(name) if name in unused else self.child(name) if isinstance(member, Member) else None
            )
            if part is not None:
                found[name] = part
        found.update({name: part for name, part in self._children.items() if "@" in name})
        return found

    def _unused(self) -> set[str]:
        """Names of alternatives that are not chosen."""
        unused: set[str] = set()
        for name, member in self.members().items():
            if isinstance(member, Alternatives):
                unused |= set(member.slots) - {option_name(self.stored(name) or "")}
        return unused

"""The options of a class of components as a tree, without making one: for templates, help, schema and documentation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.core.component import Component
from gammapy_hli.core.option import Option
from gammapy_hli.core.slots import Alternatives, Named, Slot, join, nest, option_name, overlay
from gammapy_hli.core.typed import ModelSpec
from gammapy_hli.core.valued import default_here


@dataclass(frozen=True)
class Item:
    """An option or a part, as it is declared.

    Attributes
    ----------
    path : str
        Dotted path; ``<name>`` stands for the name of a named item.
    name : str
    member : Option, Slot, Named or ModelSpec
    owner : type
        Class that declares it.
    default : object
        Default in this place, as written (options only).
    is_active : bool
        False below an optional part, a named item or an alternative that is not chosen by default.
    children : tuple of Item
    """

    path: str
    name: str
    member: Any
    owner: type[Component]
    default: Any = None
    is_active: bool = True
    children: "tuple[Item, ...]" = field(default=(), repr=False)

    @property
    def is_option(self) -> bool:
        """Whether it has a value."""
        return isinstance(self.member, Option)

    @property
    def help(self) -> str:
        """What it is for."""
        return str(self.member.help)

    @property
    def requirement(self) -> str:
        """Words for an option that must be set: always, or where its part is set; empty where it need not be."""
        if not getattr(self.member, "required", False) or self.default is not None:
            return ""
        part = self.path.rpartition(".")[0]
        return "required" if self.is_active or not part else f"required with {part}"

    @property
    def level(self) -> str:
        """The level at which help and templates show it; a part is as basic as the most basic option in it."""
        if self.is_option or self.member.level == "basic":
            return str(self.member.level)
        return "basic" if any(child.level == "basic" for child in self.children) else "all"


def walk(cls: type[Component], path: str = "") -> Iterator[Item]:
    """All items below a class, depth first, in the order of declaration."""
    for item in items(cls, path):
        yield from flat(item)


def flat(item: Item) -> Iterator[Item]:
    """An item and all below it."""
    yield item
    for child in item.children:
        yield from flat(child)


def items(
    cls: type[Component], path: str = "", defaults: Mapping[str, Any] | None = None, is_active: bool = True
) -> tuple[Item, ...]:
    """The items of a class, with those below as children."""
    given = nest(defaults or {})
    members = cls.members()
    chosen = {
        slot: slot == option_name(default_here(members, given, name) or "")
        for name, member in members.items()
        if isinstance(member, Alternatives)
        for slot in member.slots
    }
    found = []
    for name, member in members.items():
        if member.internal:
            continue
        here = join(path, name)
        active = is_active and chosen.get(name, True)
        if isinstance(member, Option):
            found.append(Item(here, name, member, cls, default_here(members, given, name), active))
        else:
            below = _below(member, here, given.get(name) or {}, active)
            found.append(Item(here, name, member, cls, None, active, below))
    return tuple(found)


def _below(member: Any, path: str, given: Any, is_active: bool) -> tuple[Item, ...]:
    active = is_active and not member.is_optional
    if isinstance(member, Slot):
        return items(member.component, path, overlay(member.defaults, given), active)
    if isinstance(member, Named):
        return items(member.component, f"{path}.<{member.item}>", member.defaults, False)
    assert isinstance(member, ModelSpec)
    defaults = overlay(member.defaults, given)
    kind = member.find(defaults["type"]) if defaults.get("type") else None
    return items(member.class_of(kind), path, defaults, active)

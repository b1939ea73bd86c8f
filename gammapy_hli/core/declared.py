"""What a component class declares: options and parts by name, and the names that users can write for them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from gammapy_hli.base.names import is_name
from gammapy_hli.core.option import Option
from gammapy_hli.core.slots import Alternatives, Member, Slot, option_name


class Declared:
    """The class side of a `gammapy_hli.core.component.Component`."""

    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names of members that are as good as their own."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Old names of members, accepted with a warning."""
    is_typed: ClassVar[bool] = False
    """Whether its options depend on its ``type``."""
    _members_of_class: ClassVar[dict[str, Any]]

    @classmethod
    def members(cls) -> dict[str, Any]:
        """Options and parts by name, in the order in which they are declared, those of base classes last."""
        cached: dict[str, Any] | None = cls.__dict__.get("_members_of_class")
        if cached is not None:
            return cached
        found: dict[str, Any] = {}
        for klass in cls.__mro__:
            for name, member in klass.__dict__.items():
                if name not in found and isinstance(member, Option | Member) and not name.startswith("_"):
                    found[name] = member
                    if isinstance(member, Alternatives):
                        found.update({key: slot for key, slot in member.slots.items() if key not in found})
        cls._members_of_class = found
        return found

    @classmethod
    def find_member(cls, key: Any, *, internal: bool = False) -> str | None:
        """The name of the member that a key stands for; None where there is none that is for users."""
        if not isinstance(key, str):
            return None
        members = cls.members()
        for name in (key, option_name(key)):
            target = cls.aliases.get(name) or cls.renamed.get(name) or name
            if target in members and (internal or not members[target].internal):
                return target
        return None

    @classmethod
    def known_keys(cls) -> list[str]:
        """Names that a user can write here."""
        return [*(name for name, member in cls.members().items() if not member.internal), *cls.aliases]

    @classmethod
    def can_label(cls, key: str) -> bool:
        """Whether ``x@label`` can be an instance here: ``x`` is a step."""
        name, at, label = key.partition("@")
        member = cls.members().get(name)
        return bool(at) and is_name(label) and isinstance(member, Slot) and hasattr(member.component, "produces")

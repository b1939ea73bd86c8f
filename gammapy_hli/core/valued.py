"""The values of a component's options, looked at: what is in force, what the default is, and who set it."""

from collections.abc import Mapping
from typing import Any

from gammapy_hli.core.declared import Declared
from gammapy_hli.core.option import Option
from gammapy_hli.core.origins import DEFAULT_ORIGIN, Origin, Setting
from gammapy_hli.core.quantity_traits import number_in


class Valued(Declared):
    """The settings of a `gammapy_hli.core.component.Component`; each value remembers all the places that set it."""

    _settings: dict[str, list[Setting]]
    _cache: dict[str, Any]
    _defaults: dict[str, Any]
    _places: dict[str, Origin]

    def option_value(self, name: str) -> Any:
        """The value of an option as Python code uses it."""
        if name not in self._cache:
            option = self.members()[name]
            self._cache[name] = option.value(self.stored(name), self.origin_of(name))
        return self._cache[name]

    def stored(self, name: str) -> Any:
        """The value of an option in canonical plain form."""
        settings = self._settings.get(name)
        return settings[-1].value if settings else self.default_of(name)

    def default_of(self, name: str) -> Any:
        """The default of an option here, in canonical plain form."""
        option = self.members()[name]
        raw = self.raw_default(name)
        return None if raw is None else option.check(raw)

    def raw_default(self, name: str) -> Any:
        """The default of an option here, as it was written."""
        return default_here(self.members(), self._defaults, name)

    def number_of(self, name: str, unit: str | None = None) -> float | None:
        """A quantity as a number in a unit (by default that of the trait), without astropy; None where it is None."""
        stored = self.stored(name)
        return None if stored is None else number_in(stored, unit if unit is not None else self.members()[name].unit)

    def origin_of(self, name: str) -> Origin:
        """Who set an option last."""
        settings = self._settings.get(name)
        return settings[-1].origin if settings else self._places.get(name, DEFAULT_ORIGIN)

    def note_place(self, name: str, origin: Origin) -> None:
        """Remember where the key of a member stands."""
        self._places[name] = origin

    def history_of(self, name: str) -> tuple[Setting, ...]:
        """All settings of an option, the default first."""
        member = self.members()[name]
        first = self.default_of(name) if isinstance(member, Option) else None
        return (Setting(first, DEFAULT_ORIGIN), *self._settings.get(name, ()))

    def is_set(self, name: str) -> bool:
        """Whether somebody set it."""
        return bool(self._settings.get(name))

    def is_changed(self, name: str) -> bool:
        """Whether somebody set it to something else than the default."""
        option = self.members()[name]
        return self.is_set(name) and option.key(self.stored(name)) != option.key(self.default_of(name))

    def is_own(self, name: str) -> bool:
        """Whether it was set for this very instance, not by inheritance or by its choice group."""
        settings = self._settings.get(name, [])
        return bool(settings) and not settings[-1].cleared and not settings[-1].inherited

    def has_own(self, name: str) -> bool:
        """Whether a member, or another one of its choice group, was set for this very instance."""
        group = self.members()[name].group
        names = [
            other for other, member in self.members().items() if other == name or (group and member.group == group)
        ]
        return any(not setting.inherited for other in names for setting in self._settings.get(other, ()))

    def place_of(self, name: str) -> str:
        """Value of an option and who set it, for messages that name two places: ``0.1 TeV (crab.yaml:7:17)``."""
        return f"{self.members()[name].to_text(self.stored(name))} ({self.origin_of(name)})"


def default_here(members: Mapping[str, Any], given: Mapping[str, Any], name: str) -> Any:
    """The default of an option in a place that may give defaults of its own, choice groups respected."""
    option = members[name]
    if name in given:
        return given[name]
    if option.group is not None:
        others = (other for other, member in members.items() if member.group == option.group and other != name)
        if any(given.get(other) is not None for other in others):
            return None
    return option.default_raw

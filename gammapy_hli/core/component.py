"""Component: an object whose traits are its options, with sub-components in slots.

Every value remembers all the places that set it. The same checks serve files, the command line and Python. What a
class declares stands in `declared.py`, values and who set them in `valued.py`, what is part of what in `tree.py`; here
are changes, Python's ways to make them, checks and showing.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from inspect import get_annotations
from typing import Any, Self

from traitlets import HasTraits
from traitlets.config import Configurable

from gammapy_hli.base.errors import Problem
from gammapy_hli.base.suggest import suggest
from gammapy_hli.base.summary import Summary
from gammapy_hli.core.apply import Applier, suggestion, unknown_key
from gammapy_hli.core.entries import Entry, entry_from_python
from gammapy_hli.core.option import Option, OptionError, UnknownOptionError
from gammapy_hli.core.origins import DEFAULT_ORIGIN, PYTHON_ORIGIN, Origin, Setting
from gammapy_hli.core.plain import thaw
from gammapy_hli.core.slots import Alternatives, Member, Named, NamedItems, Slot, join, nest, overlay
from gammapy_hli.core.tree import InTree

__all__ = ["Alternatives", "Component", "Named", "NamedItems", "Slot"]

_PACKAGE = __name__.partition(".")[0]


class Component(InTree, Summary, Configurable):
    """An object whose traits are its options.

    Parameters
    ----------
    options : mapping, optional
        Options, nested or with dotted names.
    **more
        The same as keyword arguments.

    Raises
    ------
    ConfigError
        An option that does not exist or a value that it cannot take; all of them at once.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, member in cls.__dict__.items():
            if not isinstance(member, Option | Member) or name.startswith("_"):
                continue
            if hasattr(Component, name):
                raise TypeError(f"{cls.__name__}.{name}: the name is taken; call the option something else")
            if isinstance(member, Option) and not member.help:
                raise TypeError(f"{cls.__name__}.{name} has no help; write help='...'")
            if isinstance(member, Option) and member.group and not member.allow_none:
                raise TypeError(f"{cls.__name__}.{name} is in choice group '{member.group}'; write allow_none=True")

    def __init__(self, options: Mapping[str, Any] | None = None, /, **more: Any):
        HasTraits.__init__(self)
        self.update(options or {}, **more)

    def setup_instance(self, /, *args: Any, **kwargs: Any) -> None:
        super().setup_instance()
        self._settings, self._cache, self._defaults, self._places = {}, {}, {}, {}
        self._children, self._owner, self._key = {}, None, ""
        self._is_frozen = False
        self._bad: set[str] = set()

    @classmethod
    def make(cls, owner: Any, key: str, defaults: Mapping[str, Any]) -> Self:
        """A component as part of another one, with defaults of its own."""
        made = cls()
        made._owner, made._key, made._defaults = owner, key, nest(defaults)
        return made

    @classmethod
    def all_paths(cls) -> list[str]:
        """Dotted paths of all options and parts below."""
        from gammapy_hli.core.walk import walk  # that file stands on this one

        return [item.path for item in walk(cls)]

    # -- changes -------------------------------------------------------------------------------------------------

    def note_child(self, name: str, origin: Origin, *, inherited: bool = False) -> None:
        """Remember who set something in a part; others of its choice group become None."""
        if self.members()[name].is_optional:
            self._settings.setdefault(name, []).append(Setting("set", origin, inherited))
        self._clear_group(name, origin, inherited)

    def assign(self, name: str, stored: Any, origin: Origin, *, inherited: bool = False) -> None:
        """Record a checked value; the others of its choice group become None."""
        old = self.stored(name)
        self._settings.setdefault(name, []).append(Setting(stored, origin, inherited))
        self._trait_values[name] = stored
        self._cache.pop(name, None)
        if stored is not None:
            self._clear_group(name, origin, inherited)
        if old != stored:
            self._notify_trait(name, old, stored)

    def _clear_group(self, name: str, origin: Origin, inherited: bool) -> None:
        group = self.members()[name].group
        for other, member in self.members().items() if group is not None else ():
            if other == name or member.group != group:
                continue
            if isinstance(member, Member):
                if other in self._children:
                    self.clear_child(other, origin, inherited=inherited)
            elif self.stored(other) is not None:
                self._settings.setdefault(other, []).append(Setting(None, origin, inherited, cleared=True))
                self._trait_values[other] = None
                self._cache.pop(other, None)

    def copy_settings(self, other: "Component") -> None:
        """Take over all settings of another component of the same class, marked as inherited."""
        for name, settings in other._settings.items():
            self._settings[name] = [replace(setting, inherited=True) for setting in settings]
            self._trait_values[name] = settings[-1].value
        self._bad |= other._bad
        self._places = dict(other._places)
        for name, part in other._children.items():
            if "@" in name:
                continue
            made = self.make_child(name)
            if isinstance(part, NamedItems):
                for key, item in part.items():
                    made.make(key).copy_settings(item)
                    made.note_place(key, part.origin_of(key))
            else:
                made.copy_settings(part)

    def make_labelled(self, key: str) -> "Component":
        """The second instance ``x@label`` of the part ``x``, new with the settings of ``x`` where there is none."""
        if key not in self._children:
            name = key.partition("@")[0]
            base = self.child(name)
            made: Component = self.members()[name].make_child(self)
            made._key = key
            made.copy_settings(base)
            self._children[key] = made
        return self._children[key]  # type: ignore[no-any-return]

    # -- Python --------------------------------------------------------------------------------------------------

    def update(self, options: Mapping[str, Any], /, **more: Any) -> Self:
        """Set several options: all of them, or none where there is any problem."""
        given = overlay(nest(options), nest(more))
        if given:
            self.refuse_if_frozen(self.dotted_path)
            self._apply_from_python(entry_from_python(given))
        return self

    def assign_from_python(self, name: str, value: Any, *, written: str | None = None) -> None:
        """What ``component.name = value`` does; `written` is the name that was used, where it is another one."""
        self.refuse_if_frozen(join(self.dotted_path, name))
        self._apply_from_python(entry_from_python({written or name: value}))
        self._tell_labelled(name, value)

    def _apply_from_python(self, entry: Entry) -> None:
        """Apply an entry; where anything in it is wrong, OptionError, and nothing is changed."""
        problems: list[Problem] = []
        twin = self.make(self._owner, self._key, self._defaults)
        twin.copy_settings(self)
        Applier(problems, internal=True).section(twin, entry)
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            kinds = {problem.code for problem in errors}
            raise (UnknownOptionError if kinds == {"unknown-key"} else OptionError)(errors)
        for problem in problems:
            warnings.warn(problem.sentence, DeprecationWarning, stacklevel=4)
        Applier([], internal=True).section(self, entry)

    def _tell_labelled(self, name: str, value: Any) -> None:
        """Labelled instances follow the section without label in what they do not set themselves."""
        node: Any = self
        inside: list[str] = []
        while node.owner is not None and node.owner.owner is not None:
            inside.insert(0, node._key if isinstance(node, Component) else node._member.name)
            node = node.owner
        if node.owner is None:
            return
        for key, other in node.owner._children.items():
            if key.startswith(f"{node._key}@"):
                entry = entry_from_python({".".join((*inside, name)): value})
                other.follow(entry, inside, name)

    def follow(self, entry: Entry, inside: list[str], name: str) -> None:
        """Take over what was set for the section without label, where nothing else was set here."""
        target: Any = self
        for part in inside:
            target = target.get(part) if isinstance(target, NamedItems) else target._children.get(part)
            if target is None:
                break
        if target is not None and target.has_own(name):
            return
        Applier([], inherited=True).section(self, entry)

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """Options of this component and of those below cannot change inside the ``with`` block."""
        before, self._is_frozen = self._is_frozen, True
        try:
            yield
        finally:
            self._is_frozen = before

    def refuse_if_frozen(self, path: str) -> None:
        """OptionError where this component or one above is frozen."""
        node: Any = self
        while node is not None:
            if getattr(node, "_is_frozen", False):
                who = node.dotted_path or type(node).__name__
                message = f"options cannot change while '{who}' runs"
                raise OptionError(Problem("frozen", path, message, "Python", hint="set them before the run"))
            node = node.owner

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or is_attribute(type(self), name):
            super().__setattr__(name, value)
        elif self.find_member(name) is not None:
            self.assign_from_python(str(self.find_member(name)), value, written=name)
        else:
            raise UnknownOptionError(unknown_key(self, name, PYTHON_ORIGIN))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = type(self).find_member(name)
        if found is not None and isinstance(self.members()[found], Member):
            return self.child(found)
        if found is not None and found != name:
            return getattr(self, found)
        own = [word for cls in type(self).__mro__ if cls.__module__.startswith(_PACKAGE) for word in vars(cls)]
        close = suggest(name, [*self.known_keys(), *(word for word in own if not word.startswith("_"))])
        hint = suggestion(self, name) if close is None else f"Did you mean '{close}'?"
        message = f"{type(self).__name__} has no option or attribute '{name}'."
        raise UnknownOptionError(Problem("unknown-key", join(self.dotted_path, name), message, "Python", hint=hint))

    def __getitem__(self, path: str) -> Any:
        """The component, named item or value at a dotted path."""
        node: Any = self
        for name in split_path(path):
            if node is None:
                raise KeyError(f"'{path}': '{name}' is in a part that is null; set it first")
            if isinstance(node, Component):
                node = node.make_labelled(name) if node.can_label(name) else getattr(node, name)
            else:
                node = node[name]
        return node

    def __setitem__(self, path: str, value: Any) -> None:
        *above, last = split_path(path)
        node: Any = self
        for number, name in enumerate(above):
            part = node[name]
            if part is None:  # an optional part that nobody has set so far
                node.update({".".join((*above[number:], last)): value})
                return
            node = part
        if isinstance(node, NamedItems):
            node[last] = value
        else:
            setattr(node, last, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.known_keys()})

    # -- checks --------------------------------------------------------------------------------------------------

    def check(self) -> Iterable[Problem]:
        """Checks between options, called when every single one is right; use `problem` to make what it yields."""
        return ()

    def check_complete(self) -> Iterable[Problem]:
        """Checks that something is there which the component needs to run, beyond options declared as required."""
        return ()

    def problem(
        self, name: str, message: str, *, code: str = "cross-check", hint: str | None = None, warning: bool = False
    ) -> Problem:
        """A `Problem` at the place where an option of this component was set."""
        origin = self.origin_of(name) if name in self.members() else DEFAULT_ORIGIN
        return origin.problem(code, join(self.dotted_path, name), message, hint=hint, warning=warning)

    def note_problem(self, name: str) -> None:
        """Remember that an option was given a value that it cannot take, so that no cross check looks at it."""
        self._bad.add(name)

    @property
    def has_bad_values(self) -> bool:
        """Whether an option here or below was given a value that it cannot take."""
        return any(component._bad for component in self.components())

    # -- showing -------------------------------------------------------------------------------------------------

    def to_plain(self, *, only_set: bool = False) -> dict[str, Any]:
        """Options in nested plain mappings; of alternatives only the one that is chosen.

        Parameters
        ----------
        only_set : bool
            Only what somebody set; in a labelled section what was set for that label.
        """
        plain: dict[str, Any] = {}
        unused = self._unused()
        for name, member in self.members().items():
            if member.internal:
                continue
            if isinstance(member, Option):
                if not only_set or self.is_own(name):
                    plain[name] = thaw(self.stored(name))
            elif only_set:
                plain.update(self._part_as_set(name))
            elif name not in unused:
                plain[name] = _part_plain(self.child(name), only_set=False)
        plain.update({key: _part_plain(part, only_set) for key, part in self._children.items() if "@" in key})
        return plain

    def _part_as_set(self, name: str) -> dict[str, Any]:
        part = self._children.get(name)
        inside = _part_plain(part, only_set=True)
        return {name: inside} if inside or self.is_own(name) else {}

    def summary(self) -> dict[str, Any]:
        """Options that are set or shown in everyday help, in canonical text."""
        return self.to_plain()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def is_attribute(cls: type, name: str) -> bool:
    """Whether a class declares an attribute that is free to be set: a property, a trait, an annotation."""
    return hasattr(cls, name) or any(name in get_annotations(klass) for klass in cls.__mro__)


def split_path(path: str) -> list[str]:
    """The names of a dotted path; a name in quotes may hold dots."""
    return [name for name in path.split(".") if name]


def _part_plain(part: Any, only_set: bool) -> Any:
    if isinstance(part, NamedItems):
        return {key: item.to_plain(only_set=only_set) for key, item in part.items()}
    return None if part is None else part.to_plain(only_set=only_set)

"""What a component is made of besides plain options: sub-components, alternatives, named items.

Each is declared as a class attribute, as an option is. A class may be given as ``"package.module:Class"``; it is
imported when its options are looked at, so that a plug-in costs nothing until it is chosen.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gammapy_hli.core.option import NOT_GIVEN, Level
from gammapy_hli.core.origins import DEFAULT_ORIGIN, Origin
from gammapy_hli.core.scalar_traits import Choice

if TYPE_CHECKING:
    from gammapy_hli.core.component import Component

ComponentClass = "type[Component] | str"


def load_object(address: Any) -> Any:
    """The object that ``"package.module:name"`` stands for; anything else is given back."""
    if not isinstance(address, str):
        return address
    module, _, name = address.partition(":")
    return getattr(import_module(module), name)


class Member:
    """A part of a component that has options of its own.

    Parameters
    ----------
    help : str
        What it is for; by default the first line of the docstring of its class.
    level : {"basic", "all"}
        Whether the everyday help and template show it.
    internal : bool
        Not for users.
    group : str, optional
        Choice group that it belongs to, see `Option`; only for optional members.
    """

    is_optional = False

    def __init__(self, *, help: str = "", level: Level = "all", internal: bool = False, group: str | None = None):
        self._help = " ".join(help.split())
        self.level = level
        self.internal = internal
        self.group = group
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def help(self) -> str:
        """What it is for."""
        return self._help

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self if obj is None else obj.child(self.name)

    def __set__(self, obj: Any, value: Any) -> None:
        obj.assign_from_python(self.name, value)

    def make_child(self, owner: Any) -> Any:
        """The live part of a component."""
        raise NotImplementedError


class _OfComponents(Member):
    """A member whose options are those of a component class; the parameters are those of `Slot` and `Named`."""

    def __init__(self, component: Any, help: str, defaults: Mapping[str, Any] | None, **metadata: Any):
        super().__init__(help=help, **metadata)
        self._component = component
        self.defaults = nest(defaults or {})

    @property
    def component(self) -> "type[Component]":
        """The class, imported when first asked for."""
        self._component = load_object(self._component)
        return self._component

    @property
    def help(self) -> str:
        return self._help or first_line(self.component.__doc__)


class Slot(_OfComponents):
    """A sub-component under a name of its own.

    Parameters
    ----------
    component : Component class or "module:Class"
    help : str
    defaults : mapping, optional
        Defaults of this instance where they differ from those of its class; nested, or with dotted names.
    optional : bool
        Whether it is None until somebody sets an option of it; null is then a value.
    **metadata
        As for `Member`.

    Examples
    --------
    ``energy = Slot(EnergyAxis, help="Bins of reconstructed energy.", defaults={"min": "0.1 TeV", "nbins": 20})``
    """

    def __init__(
        self,
        component: Any,
        *,
        help: str = "",
        defaults: Mapping[str, Any] | None = None,
        optional: bool = False,
        **metadata: Any,
    ):
        super().__init__(component, help, defaults, **metadata)
        self.is_optional = optional

    def make_child(self, owner: Any) -> "Component":
        own = nest(owner.defaults_of_child(self.name))
        return self.component.make(owner, self.name, overlay(self.defaults, own))


class Alternatives(Choice):
    """The choice of one of several components; the options of each nest under its name.

    ``method = Alternatives({"ring": RingBackground, "none": None}, "none", help=...)`` gives the options ``method``,
    ``ring.<option>``; in Python ``obj.method`` is the name, ``obj.ring`` the component, ``obj.chosen("method")`` the
    component that is chosen.

    Parameters
    ----------
    components : mapping of str to Component class, "module:Class", Slot or None
        None for an alternative without options.
    default : str
    entry_points : str, optional
        Group of entry points by which other packages add alternatives.
    **metadata
        As for `Option`.
    """

    def __init__(
        self,
        components: Mapping[str, Any],
        default: Any = NOT_GIVEN,
        *,
        entry_points: str | None = None,
        **metadata: Any,
    ):
        self._components = dict(components)
        self._group = entry_points
        self._slots: dict[str, Slot] | None = None
        super().__init__(self._names, default, **metadata)

    def _names(self) -> tuple[str, ...]:
        self._add_plugins()
        return tuple(self._components)

    def _add_plugins(self) -> None:
        if self._group is not None:
            from importlib.metadata import entry_points  # late: slow to load, and few classes are open to plug-ins

            for point in entry_points(group=self._group):
                self._components.setdefault(point.name, point.value.replace(" ", ""))
            self._group = None

    @property
    def slots(self) -> dict[str, Slot]:
        """The slot of each alternative that has options, by the name of the option."""
        if self._slots is None:
            self._add_plugins()
            self._slots = {}
            for name, component in self._components.items():
                if component is not None:
                    slot = component if isinstance(component, Slot) else Slot(component)
                    slot.name = option_name(name)
                    self._slots[slot.name] = slot
        return self._slots


class NamedItems(Mapping[str, Any]):
    """The live items of a `Named`: a mapping from name to component, also reachable as attributes."""

    def __init__(self, owner: Any, member: "Named"):
        self.__dict__.update(_owner=owner, _member=member, _items={}, _places={})

    @property
    def dotted_path(self) -> str:
        """Dotted path."""
        return join(self._owner.dotted_path, self._member.name)

    @property
    def owner(self) -> Any:
        """The component that it belongs to."""
        return self._owner

    def make(self, name: str) -> Any:
        """The item of a name, new where there is none."""
        if name not in self._items:
            self._items[name] = self._member.component.make(self, name, self._member.defaults)
        return self._items[name]

    def note_place(self, name: str, origin: Origin) -> None:
        """Remember where an item was named."""
        self._places.setdefault(name, origin)

    def origin_of(self, name: str) -> Origin:
        """Where an item was named first."""
        return self._places.get(name, DEFAULT_ORIGIN)

    def defaults_of_child(self, name: str) -> Mapping[str, Any]:
        """Items have the defaults of the declaration only."""
        return {}

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __setitem__(self, name: str, value: Any) -> None:
        self._owner.assign_from_python(self._member.name, {name: value})

    def __delitem__(self, name: str) -> None:
        self._owner.refuse_if_frozen(join(self.dotted_path, name))
        del self._items[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._items:
            return self._items[name]
        raise AttributeError(f"{self.dotted_path} has no item '{name}'. It has: {', '.join(self._items) or 'none'}")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return "\n".join(
            [f"{self.dotted_path or self._member.name}: {len(self)} items", *(f"  {name}" for name in self)]
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._items]


class Named(_OfComponents):
    """A mapping from names that the user gives to components of one class, such as ``model.sources.<name>``.

    Parameters
    ----------
    component : Component class or "module:Class"
    help : str
    item : str
        What a name stands for, in documentation: ``name``.
    defaults : mapping, optional
        Defaults of every item where they differ from those of the class.
    **metadata
        As for `Member`.
    """

    def __init__(
        self,
        component: Any,
        *,
        help: str = "",
        item: str = "name",
        defaults: Mapping[str, Any] | None = None,
        any_name: bool = True,
        **metadata: Any,
    ):
        super().__init__(component, help, defaults, **metadata)
        self.item = item
        self.any_name = any_name

    def make_child(self, owner: Any) -> NamedItems:
        return NamedItems(owner, self)


def option_name(key: str) -> str:
    """The name of an option as it is in Python: ``-`` and ``_`` are alike."""
    return key.replace("-", "_")


def join(path: str, name: str) -> str:
    """A dotted path one step longer."""
    return f"{path}.{name}" if path else name


def first_line(doc: str | None) -> str:
    """The first sentence of a docstring."""
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with dotted names as nested mappings.

    >>> nest({"a.b": 1, "a": {"c": 2}})
    {'a': {'b': 1, 'c': 2}}
    """
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        first, _, rest = key.partition(".") if isinstance(key, str) else (key, "", "")
        if rest:
            nested[first] = overlay(nested.get(first, {}), nest({rest: value}))
        else:
            nested[first] = overlay(nested.get(first), value) if isinstance(value, Mapping) else value
    return nested


def overlay(below: Any, above: Any) -> Any:
    """Nested mappings merged by key, the second over the first."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: overlay(below.get(key), value) for key, value in above.items()}}

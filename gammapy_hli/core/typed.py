"""A part whose options depend on its ``type``: models, whose parameters are those of the type that is chosen.

``spectral = ModelSpec(types, help=...)`` where ``types`` gives a table of `ModelType`. The tool kit knows no models:
the table comes from whoever declares the member.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.base.suggest import suggest
from gammapy_hli.core.component import Component
from gammapy_hli.core.option import InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.slots import Member, load_object, nest, overlay


@dataclass(frozen=True)
class ModelType:
    """One type and its options.

    Attributes
    ----------
    tag : str
        Full name.
    short : tuple of str
        Other names that are accepted.
    options : mapping of str to Option or Member
        What can be set besides ``type``.
    help : str
    """

    tag: str
    short: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    help: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the short ones first."""
        return (*self.short, self.tag)


Types = Callable[[], Iterable[ModelType]] | Iterable[ModelType] | str


class TypeChoice(Option):
    """The name of a type, as it is written; long and short names of one type are the same setting."""

    def __init__(self, spec: "ModelSpec", default: Any, required: bool = False):
        super().__init__(default, help="Type of the model.", allow_none=not required and default is None, level="basic")
        self.required = required
        self.spec = spec

    def check_value(self, raw: Any) -> str:
        self.spec.find(raw)
        return str(raw)

    def read_word(self, word: str) -> Any:
        return word

    def key(self, stored: Any) -> Any:
        return None if stored is None else self.spec.find(stored).tag

    def expected(self) -> str:
        return "one of " + ", ".join(kind.names[0] for kind in self.spec.types)

    def value_schema(self) -> dict[str, Any]:
        return {"enum": [name for kind in self.spec.types for name in kind.names]}


class TypedComponent(Component):
    """A model: its type, and the parameters of that type."""

    is_typed = True
    _waiting: list[Callable[[], None]]
    _specs: "tuple[ModelSpec, ...]" = ()  # one, in a tuple: a Member as class attribute would be a part
    _model_type: ModelType | None = None

    @property
    def spec(self) -> "ModelSpec":
        """The declaration that it comes from."""
        return self._specs[0]

    @property
    def model_type(self) -> ModelType | None:
        """The type in force; None where none is set."""
        return self._model_type

    def is_changed(self, name: str) -> bool:
        """As for every component; a type is changed where it is not the one that holds where none is set."""
        if name != "type":
            return super().is_changed(name)
        default = self.spec.defaults_in(self._owner).get("type")
        return self.is_set(name) and (default is None or self.spec.find(default) is not self._model_type)

    def assign(self, name: str, stored: Any, origin: Origin, *, inherited: bool = False) -> None:
        """As for every component; another type drops what was set for the old one."""
        if name == "type" and stored is not None:
            new = self.spec.find(stored)
            if self._model_type is None or new.tag != self._model_type.tag:
                self._switch(new)
        super().assign(name, stored, origin, inherited=inherited)

    def _switch(self, new: ModelType) -> None:
        waiting = self._waiting
        for name in [name for name in self._settings if name != "type"]:
            del self._settings[name]
            self._trait_values.pop(name, None)
        self._children.clear()
        self._cache.clear()
        had_type = self._model_type is not None
        self._defaults = self.spec.defaults_of(new, self._owner)
        self.__class__ = self.spec.class_of(new)
        self._waiting = []
        for apply in () if had_type else waiting:
            apply()

    def copy_settings(self, other: Component) -> None:
        """As for every component, the type first."""
        self.__class__ = type(other)  # type: ignore[assignment]
        super().copy_settings(other)

    def wait_for_type(self, apply: Callable[[], None]) -> bool:
        """Whether there is no type yet; what is set is then looked at as soon as there is one."""
        if self._model_type is None:
            self._waiting.append(apply)
            return True
        return False

    def setup_instance(self, /, *args: Any, **kwargs: Any) -> None:
        super().setup_instance(*args, **kwargs)
        self._waiting = []


class ModelSpec(Member):
    """A model: a mapping with its ``type`` and the parameters of that type.

    Parameters
    ----------
    types : callable, iterable of ModelType, or "module:name"
        The table of types; a callable is asked when it is needed.
    help : str
    default : str or mapping, optional
        Type, or mapping with type and parameters, that holds where nothing is set.
    optional : bool
        Whether it is None until somebody sets it.
    required : bool
        Whether somebody must set it.
    **metadata
        As for `Member`.
    """

    def __init__(
        self,
        types: Types,
        *,
        help: str,
        default: Any = None,
        optional: bool | None = None,
        required: bool = False,
        **metadata: Any,
    ):
        super().__init__(help=help, **metadata)
        self._types = types
        self._loaded: tuple[ModelType, ...] | None = None
        self._classes: dict[str, type[TypedComponent]] = {}
        self.required = required
        self.defaults = nest({"type": default} if isinstance(default, str) else default or {})
        self.is_optional = (default is None) if optional is None else optional

    @property
    def types(self) -> tuple[ModelType, ...]:
        """The table, loaded when first asked for."""
        if self._loaded is None:
            table = load_object(self._types)
            self._loaded = tuple(table() if callable(table) else table)
        return self._loaded

    def find(self, name: Any) -> ModelType:
        """The type of a long or short name; InvalidValue where there is none."""
        for kind in self.types:
            if name in kind.names:
                return kind
        names = [name for kind in self.types for name in kind.names]
        found = suggest(name, names) if isinstance(name, str) else None
        mean = f"; did you mean '{found}'?" if found else "."
        allowed = ", ".join(kind.names[0] for kind in self.types)
        raise InvalidValue(f"{shown(name)} is not allowed{mean} Allowed: {allowed} (or the long names)", code="choice")

    def class_of(self, kind: ModelType | None) -> "type[TypedComponent]":
        """The component class of a type; of no type yet for None."""
        tag = kind.tag if kind is not None else ""
        if tag not in self._classes:
            default = kind.names[0] if kind is not None else None
            body: dict[str, Any] = {"type": TypeChoice(self, default, required=kind is None)}
            body.update(kind.options if kind is not None else {})
            body.update(_model_type=kind, __doc__=kind.help if kind else self.help, __module__=__name__)
            made: type[TypedComponent] = type(tag or "Untyped", (TypedComponent,), body)
            made._specs = (self,)
            self._classes[tag] = made
        return self._classes[tag]

    def make_child(self, owner: Any) -> TypedComponent:
        defaults = self.defaults_in(owner)
        return self.class_of(self._type_of(defaults)).make(owner, self.name, defaults)

    def defaults_in(self, owner: Any) -> dict[str, Any]:
        """What holds in a component where nothing is set."""
        return overlay(self.defaults, nest(owner.defaults_of_child(self.name)))

    def defaults_of(self, kind: ModelType, owner: Any) -> dict[str, Any]:
        """`defaults_in` for one type: nothing where they are those of another, whose names mean other things."""
        defaults = self.defaults_in(owner)
        return defaults if self._type_of(defaults) is kind else {}

    def _type_of(self, defaults: Mapping[str, Any]) -> ModelType | None:
        return self.find(defaults["type"]) if defaults.get("type") else None

"""A parameter of a model: a value in the unit of the engine, with bounds, error and whether a fit moves it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import astropy.units as u

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.measured import measured_text
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.entries import ParameterEntry
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.units import to_unit

__all__ = ["Parameter", "Parameters", "Prior"]


class Parameter(Summary):
    """A parameter: mutable, held in one unit for its life.

    Parameters
    ----------
    name : str
    value : float, str or Quantity
        A bare number is in `unit`; texts ('3e-11 cm-2 s-1 TeV-1') and Quantities are converted.
    unit : str
        Fixed.
    min, max : like `value`
        Bounds; nan for none.
    frozen : bool
        Whether a fit leaves it alone.
    error : like `value`
        Standard deviation; 0 where not fitted.
    prior : Prior, optional
    help : str

    Notes
    -----
    Two models that share one parameter hold the same object; `Models.link` does that.
    """

    __slots__ = ("_error", "_max", "_min", "_value", "frozen", "help", "name", "prior", "unit")

    def __init__(
        self,
        name: str,
        value: Any,
        unit: str = "",
        *,
        min: Any = math.nan,
        max: Any = math.nan,
        frozen: bool = False,
        error: Any = 0.0,
        prior: Prior | None = None,
        help: str = "",
    ):
        self.name = name
        self.unit = unit
        self.frozen = frozen
        self.prior = prior
        self.help = help
        self.value = value
        self.min = min
        self.max = max
        self.error = error

    @classmethod
    def from_entry(cls, entry: ParameterEntry) -> "Parameter":
        """The parameter of a row of the model table, at its default."""
        return cls(
            entry.name, entry.default, entry.unit, min=entry.min, max=entry.max, frozen=entry.frozen, help=entry.help
        )

    @property
    def value(self) -> float:
        """Value in `unit`; texts and Quantities are converted when assigned."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = to_unit(value, self.unit, self.name)

    @property
    def error(self) -> float:
        """Standard deviation in `unit`."""
        return self._error

    @error.setter
    def error(self, value: Any) -> None:
        self._error = to_unit(value, self.unit, f"{self.name}.error")

    @property
    def min(self) -> float:
        """Lower bound in `unit`, nan where there is none."""
        return self._min

    @min.setter
    def min(self, value: Any) -> None:
        self._min = to_unit(value, self.unit, f"{self.name}.min")

    @property
    def max(self) -> float:
        """Upper bound in `unit`, nan where there is none."""
        return self._max

    @max.setter
    def max(self, value: Any) -> None:
        self._max = to_unit(value, self.unit, f"{self.name}.max")

    @property
    def quantity(self) -> u.Quantity:
        """Value with unit."""
        return u.Quantity(self._value, self.unit)

    @quantity.setter
    def quantity(self, value: Any) -> None:
        self.value = u.Quantity(value)

    def copy(self) -> "Parameter":
        """An independent parameter with the same content."""
        new: Parameter = object.__new__(Parameter)
        for slot in Parameter.__slots__:
            setattr(new, slot, getattr(self, slot))
        return new

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parameter):
            return NotImplemented
        return all(_same(getattr(self, slot), getattr(other, slot)) for slot in Parameter.__slots__ if slot != "help")

    def summary(self) -> dict[str, Any]:
        """Name, value with error and unit, bounds, whether frozen."""
        value = measured_text(self.value, self.error, str(self.unit))
        shown: dict[str, Any] = {"name": self.name, "value": value, "frozen": self.frozen}
        if not (math.isnan(self.min) and math.isnan(self.max)):
            shown["bounds"] = f"{self.min:g} to {self.max:g}"
        return shown


class Parameters(Sequence[Parameter]):
    """The parameters of one model, in the order of its arrays; found by number or by name. Read only.

    Parameters
    ----------
    items : iterable of Parameter
    names : iterable of str, optional
        Names within the model where they differ from the parameters' own ('model1.index').
    owner : str
        Whose they are, for messages.
    """

    __slots__ = ("_items", "_names", "_owner")

    def __init__(self, items: Iterable[Parameter], names: Iterable[str] | None = None, owner: str = ""):
        self._items = tuple(items)
        self._names = tuple(names) if names is not None else tuple(item.name for item in self._items)
        self._owner = owner

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return self._names

    @overload
    def __getitem__(self, key: int | str) -> Parameter: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Parameter]: ...
    def __getitem__(self, key: Any) -> Any:
        return self._items[self.place(key) if isinstance(key, str) else key]

    def place(self, name: str) -> int:
        """Place of a name; InputError with a suggestion where there is none."""
        if name in self._names:
            return self._names.index(name)
        owner = f"{self._owner} has no parameter" if self._owner else "there is no parameter"
        known = ", ".join(self._names) or "none"
        raise InputError(f"{owner} {name!r}.{did_you_mean(name, self._names)} Its parameters: {known}.")

    def replaced(self, name: str, parameter: Parameter) -> "Parameters":
        """The same list with another parameter object in one place; this is how two models come to share one."""
        place = self.place(name)
        expected = self._items[place]
        if expected.unit != parameter.unit:
            raise InputError(
                f"parameter {name!r} has unit {expected.unit or '(none)'}; "
                f"it cannot be linked with {parameter.name!r}, which has unit {parameter.unit or '(none)'}"
            )
        return Parameters((*self._items[:place], parameter, *self._items[place + 1 :]), self._names, self._owner)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._items)

    def __repr__(self) -> str:
        return "\n".join(repr(parameter) for parameter in self._items) or "Parameters()"


def _same(first: Any, second: Any) -> bool:
    """Equality for which nan equals nan."""
    return first == second or (first != first and second != second)

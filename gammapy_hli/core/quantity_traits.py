"""Traits with units: Quantity and QuantityList. astropy is loaded when a quantity is used, not when it is checked."""

import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

from gammapy_hli.core.container_traits import List, check_key
from gammapy_hli.core.option import NOT_GIVEN, InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import format_number
from gammapy_hli.core.units import conversion_factor, unit_name

NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_QUANTITY = re.compile(rf"\s*({NUMBER})\s*(.*?)\s*")
_NOT_FINITE = re.compile(r"\s*[-+]?\.?(nan|inf|infinity)\b.*", re.IGNORECASE)


def split_quantity(raw: Any, unit: str) -> tuple[float, str]:
    """Number and unit of a quantity in any allowed form.

    Parameters
    ----------
    raw : str, mapping with value and unit, or astropy Quantity
        A bare number where the unit is ''.
    unit : str
        Unit that it must convert to.

    Raises
    ------
    InvalidValue
        No unit, a unit of another kind, two numbers, nan, inf.
    """
    if isinstance(raw, Mapping):
        return _from_mapping(raw, unit)
    if hasattr(raw, "unit") and hasattr(raw, "to_value"):
        return _from_quantity(raw, unit)
    if isinstance(raw, bool) or not isinstance(raw, str | numbers.Real):
        raise InvalidValue(f"{shown(raw)} is not a quantity in {unit_name(unit)}", _example(None, unit), "type")
    if isinstance(raw, str):
        return _from_text(raw, unit)
    _check_finite(float(raw), raw)
    if unit != "":
        raise InvalidValue(f"{shown(raw)} has no unit", _example(raw, unit), "no-unit")
    return float(raw), ""


def _from_mapping(raw: Mapping[Any, Any], unit: str) -> tuple[float, str]:
    for key in raw:
        check_key(str(key), ("value", "unit"))
    number = raw.get("value")
    if isinstance(number, bool) or not isinstance(number, numbers.Real):
        raise InvalidValue(
            f"value {shown(number)} is not a number", "write {value: 1, unit: " + (unit or "''") + "}", "type"
        )
    given = raw.get("unit", "")
    if not isinstance(given, str):
        raise InvalidValue(f"unit {shown(given)} is not text", None, "type", ("unit",))
    _check_finite(float(number), number)
    if given == "" and unit != "":
        raise InvalidValue(f"{shown(number)} has no unit", _example(number, unit), "no-unit")
    check_unit(given, unit, raw)
    return float(number), given


def _from_quantity(raw: Any, unit: str) -> tuple[float, str]:
    if getattr(raw, "shape", ()) != ():
        raise InvalidValue(f"an array of {raw.size} values; expected one quantity in {unit_name(unit)}", code="type")
    text = raw.unit.to_string()
    check_unit(text, unit, f"{raw.value} {text}")
    _check_finite(float(raw.value), raw)
    return float(raw.value), text


def _from_text(raw: str, unit: str) -> tuple[float, str]:
    if _NOT_FINITE.fullmatch(raw):
        raise InvalidValue(f"{shown(raw)} is not a finite number", _example(None, unit), "finite")
    match = _QUANTITY.fullmatch(raw)
    if match is None:
        raise InvalidValue(f"{shown(raw)} is not a quantity in {unit_name(unit)}", _example(None, unit), "type")
    number, given = float(match.group(1)), " ".join(match.group(2).split())
    _check_finite(number, raw)
    if re.match(rf"{NUMBER}(\s|$|[A-Za-z])", given) and not given.startswith("1 /"):
        raise InvalidValue(
            f"{shown(raw)} holds two numbers; expected one number and a unit", _example(None, unit), "two-numbers"
        )
    if given == "" and unit != "":
        raise InvalidValue(f"{raw.strip()} has no unit", _example(raw.strip(), unit), "no-unit")
    if re.match(r"[:°'\"]", given):
        raise InvalidValue(f"{shown(raw)} has no unit", _example(None, unit), "no-unit")
    check_unit(given, unit, raw)
    return number, given


def _check_finite(number: float, raw: Any) -> None:
    if not math.isfinite(number):
        raise InvalidValue(f"{shown(raw)} is not a finite number", code="finite")


def _example(number: Any, unit: str) -> str:
    return f'write e.g. "{1 if number is None else number} {unit}"' if unit else "write a number without unit"


def check_unit(given: str, unit: str, raw: Any) -> None:
    """InvalidValue where a unit does not exist or does not convert to the one that is expected."""
    try:
        factor = conversion_factor(given, unit)
    except (ValueError, TypeError) as error:
        message = f"{shown(raw)}: '{given}' is not a unit; expected a unit convertible to {unit_name(unit)}"
        raise InvalidValue(message, _meant_unit(" ".join(str(error).split()), unit), "unit") from None
    if factor is None:
        target = f"a unit convertible to {unit_name(unit)}" if unit else unit_name(unit)
        raise InvalidValue(f"{shown(raw)} has unit {unit_name(given)}; expected {target}", code="unit")


def _meant_unit(words: str, unit: str) -> str | None:
    """Of the units that astropy thinks of those that convert to the one that is expected."""
    found = re.search(r"Did you mean ([^?]*)\?", words)
    names = re.findall(r"[^\s,]+", found.group(1)) if found else []
    fitting = [name for name in names if name != "or" and _converts(name, unit)]
    return f"Did you mean {' or '.join(fitting)}?" if fitting else None


def _converts(given: str, unit: str) -> bool:
    try:
        return conversion_factor(given, unit) is not None
    except (ValueError, TypeError):
        return False


def number_in(stored: str | float, unit: str) -> float:
    """A stored quantity as a number in a unit; 15 digits, so that 100 GeV and 0.1 TeV are the same.

    >>> number_in("100 GeV", "TeV")
    0.1
    """
    number, given = split_quantity(stored, unit)
    factor = conversion_factor(given, unit)
    assert factor is not None, "a stored quantity has passed check_unit"
    return number if factor == 1.0 else float(f"{number * factor:.15g}")


class Quantity(Option):
    """A number with a unit: ``0.3 TeV`` or ``{value: 0.3, unit: TeV}``; an astropy Quantity in Python.

    Parameters
    ----------
    default : str, optional
        As text, ``"0.3 TeV"``.
    unit : str
        Unit that values must convert to.
    min, max, above, below : str, optional
        Bounds, as text with unit.
    **metadata
        As for `Option`.
    """

    def __init__(self, default: Any = NOT_GIVEN, *, unit: str, **metadata: Any):
        super().__init__(default, unit=unit, **metadata)
        self.unit: str = unit

    def check_value(self, raw: Any) -> Any:
        number, given = split_quantity(raw, self.unit)
        text = f"{format_number(number)} {given}" if given else number
        self._check_range(text)
        return text

    def _check_range(self, stored: Any) -> None:
        if self.min is self.max is self.above is self.below is None:
            return
        number = number_in(stored, self.unit)

        def bound(text: Any) -> float:
            return number_in(text, self.unit)

        fits = (
            (self.min is None or number >= bound(self.min))
            and (self.max is None or number <= bound(self.max))
            and (self.above is None or number > bound(self.above))
            and (self.below is None or number < bound(self.below))
        )
        if not fits:
            raise InvalidValue(f"{shown(stored)} is out of range; expected {self.expected()}", code="range")

    def read_word(self, word: str) -> Any:
        return super().read_word(word) if word.lstrip().startswith("{") or word == "null" else word

    def make(self, stored: Any, origin: Origin | None) -> Any:
        from astropy import units  # late: heavy, and not needed to check options

        number, given = split_quantity(stored, self.unit)
        return units.Quantity(number, units.Unit(given))

    def key(self, stored: Any) -> Any:
        return None if stored is None else f"{format_number(number_in(stored, self.unit))} {self.unit}".strip()

    def expected(self) -> str:
        return (f"a quantity in {unit_name(self.unit)}" if self.unit else "a number") + self.range_text()

    def value_schema(self) -> dict[str, Any]:
        return quantity_schema(self.unit)


class QuantityList(List):
    """A list of quantities: ``[0.1 TeV, 1 TeV]``; one astropy Quantity array in Python, in the unit of the trait.

    Parameters
    ----------
    default : sequence of str, optional
    unit : str
        Unit that values must convert to.
    increasing : bool
        Whether each value must be larger than the one before.
    min, max, above, below : str, optional
        Bounds of each value.
    **metadata
        As for `List`.
    """

    def __init__(self, default: Any = NOT_GIVEN, *, unit: str, increasing: bool = False, **metadata: Any):
        bounds = {key: metadata.pop(key, None) for key in ("min", "max", "above", "below")}
        self.increasing = increasing
        super().__init__(Quantity(unit=unit, **bounds), default, unit=unit, **metadata)
        self.unit: str = unit

    def check_value(self, raw: Any) -> list[Any]:
        if hasattr(raw, "unit") and hasattr(raw, "to_value") and getattr(raw, "ndim", 0) == 1:
            raw = list(raw)
        return super().check_value(raw)

    def check_items(self, stored: list[Any]) -> None:
        super().check_items(stored)
        numbers_in_unit = [number_in(item, self.unit) for item in stored]
        for number in range(1, len(stored)):
            if self.increasing and numbers_in_unit[number] <= numbers_in_unit[number - 1]:
                message = (
                    f"{shown(stored[number])} stands behind {shown(stored[number - 1])}; expected increasing values"
                )
                raise InvalidValue(message, None, "order", (number,))

    def make(self, stored: list[Any], origin: Origin | None) -> Any:
        from astropy import units  # late: heavy, and not needed to check options

        return units.Quantity([number_in(item, self.unit) for item in stored], units.Unit(self.unit), dtype=float)

    def expected(self) -> str:
        order = "increasing " if self.increasing else ""
        count = f"{self.length} " if self.length is not None else ""
        return f"a list of {count}{order}quantities in {unit_name(self.unit)}{self.item.range_text()}"


class QuantityRange(QuantityList):
    """Two quantities, the lower one first, one of which may be null for no bound: ``[0.66 TeV, null]``.

    A tuple of two astropy Quantities or None in Python, in the unit of the trait.
    """

    def __init__(self, default: Any = NOT_GIVEN, *, unit: str, **metadata: Any):
        super().__init__(default, unit=unit, length=2, increasing=True, **metadata)
        self.item.allow_none = True

    def check_items(self, stored: list[Any]) -> None:
        if len(stored) == 2 and stored == [None, None]:
            hint = "write null for no range" if self.allow_none else None
            raise InvalidValue("neither end of the range is given", hint, "missing")
        if len(stored) == 2 and None in stored:
            return
        super().check_items(stored)

    def make(self, stored: list[Any], origin: Origin | None) -> Any:
        from astropy import units  # late: heavy, and not needed to check options

        unit = units.Unit(self.unit)
        return tuple(None if item is None else units.Quantity(number_in(item, self.unit), unit) for item in stored)

    def expected(self) -> str:
        return f"two increasing quantities in {unit_name(self.unit)}{self.item.range_text()}, either may be null"


def quantity_schema(unit: str) -> dict[str, Any]:
    """JSON schema of a quantity: text that begins with a number and, where there is a unit, has one."""
    text = rf"^\s*{NUMBER}\s*[^\s0-9.].*$" if unit else rf"^\s*{NUMBER}\s*(%.*)?$"
    mapping = {
        "type": "object",
        "properties": {"value": {"type": "number"}, "unit": {"type": "string"}},
        "required": ["value", "unit"] if unit else ["value"],
        "additionalProperties": False,
    }
    options: list[dict[str, Any]] = [{"type": "string", "pattern": text}, mapping]
    return {"anyOf": options if unit else [{"type": "number"}, *options]}

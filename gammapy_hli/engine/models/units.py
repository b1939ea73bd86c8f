"""Values with units on their way into the units of the engine (TeV, cm, s, deg): texts, Quantities and bare numbers."""

import math
import re
from typing import Any

from gammapy_hli.base.errors import InputError

__all__ = ["convert", "split_text", "to_unit"]

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(.*)", re.DOTALL)


def split_text(text: str) -> tuple[float, str]:
    """Number and unit text of '3e-11 cm-2 s-1 TeV-1'.

    Raises
    ------
    InputError
        The text does not begin with a finite number.

    Examples
    --------
    >>> split_text("0.1 TeV")
    (0.1, 'TeV')
    """
    match = _NUMBER.fullmatch(text)
    if match is None or not math.isfinite(float(match[1])):
        raise InputError(f"{text!r} does not begin with a finite number; write e.g. '2.3' or '3e-11 TeV-1 s-1 cm-2'")
    return float(match[1]), match[2].strip()


def convert(value: float, unit: str, target: str, what: str = "value") -> float:
    """A number in `unit` as a number in `target`; the number itself, to the last bit, where the two are the same.

    Raises
    ------
    InputError
        The unit is unknown or cannot be converted; the message names the unit got and the unit expected.
    """
    if unit == target:
        return value
    import astropy.units as u  # late: the table and the checks of plain numbers need no astropy

    try:
        got = u.Unit(unit)
    except (ValueError, TypeError) as error:
        raise InputError(f"{what}: '{value:g} {unit}': {error}") from None
    wanted = u.Unit(target)
    if got == wanted:
        return value
    try:
        return float(got.to(wanted, value))
    except u.UnitConversionError:
        raise InputError(
            f"{what}: '{value:g} {unit}' has unit {_named(unit, got)}; "
            f"expected a unit convertible to {_named(target, wanted)}"
        ) from None


def _named(text: str, unit: Any) -> str:
    """The unit with its kind, where that has a name: 'TeV (energy)'."""
    kind = str(unit.physical_type).split("/")[0]
    return (text or "(none)") + (f" ({kind})" if kind not in ("unknown", "dimensionless") else "")


def to_unit(value: Any, target: str, what: str = "value") -> float:
    """A number in the unit `target` from a bare number (taken to be in `target`), a text with unit, or a Quantity.

    Raises
    ------
    InputError
        No number, no unit where one is due, or a unit that cannot be converted.

    Examples
    --------
    >>> to_unit("300 GeV", "TeV")
    0.3
    """
    if isinstance(value, str):
        number, unit = split_text(value)
        if target and not unit:
            raise InputError(f"{what}: {value!r} has no unit; write e.g. '{value.strip()} {target}'")
        return convert(number, unit, target, what)
    if hasattr(value, "unit") and hasattr(value, "value"):
        return convert(float(value.value), value.unit.to_string() if value.unit is not None else "", target, what)
    if isinstance(value, bool):
        raise InputError(f"{what}: got {value!r}; expected a number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            f"{what}: got {value!r}; expected a number, a text such as '1 {target}' or a Quantity"
        ) from None

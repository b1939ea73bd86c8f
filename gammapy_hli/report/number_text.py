"""How a report writes numbers: measured values with matched digits, units as an astronomer writes them."""

import math
from collections.abc import Sequence

from gammapy_hli.base.measured import matched_digits

MINUS, PLUS_MINUS, TIMES, DASH = "−", "±", "×", "–"
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_ORDER = ("cm", "m", "km", "s", "min", "h", "erg", "TeV", "GeV", "MeV", "keV", "deg", "sr")


def superscript(number: int) -> str:
    """A whole number as superscript.

    >>> superscript(-11)
    '⁻¹¹'
    """
    return str(number).translate(_SUPERSCRIPT)


def unit_text(unit: str) -> str:
    """A unit in plain text with superscripts: positive powers first, then length, time, energy.

    >>> unit_text("TeV-1 s-1 cm-2"), unit_text("TeV cm-2 s-1"), unit_text("")
    ('cm⁻² s⁻¹ TeV⁻¹', 'TeV cm⁻² s⁻¹', '')
    """
    if not unit:
        return ""
    import astropy.units as u  # late: number formats of this file are used without it too

    parsed = u.Unit(unit)
    parts = [(base.to_string(), float(power)) for base, power in zip(parsed.bases, parsed.powers, strict=True)]
    parts.sort(key=lambda part: (part[1] < 0, _ORDER.index(part[0]) if part[0] in _ORDER else len(_ORDER)))
    return " ".join(name if power == 1 else f"{name}{_power(power)}" for name, power in parts)


def _power(power: float) -> str:
    return superscript(int(power)) if power == int(power) else f"^{power:g}"


def signed(text: str) -> str:
    """Text of a number with a real minus sign."""
    return text.replace("-", MINUS)


def plain(value: float | None, digits: int = 3) -> str:
    """A number with some significant digits; a dash where there is none.

    >>> plain(0.000123456), plain(40.9012), plain(12345.6), plain(None)
    ('1.23 × 10⁻⁴', '40.9', '12346', '–')
    """
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if -4 < exponent < 6:
        return signed(f"{value:.{max(0, digits - 1 - exponent)}f}")
    mantissa = value / 10.0**exponent
    if abs(float(f"{mantissa:.{digits - 1}f}")) >= 10:  # rounded up to the next power
        mantissa, exponent = mantissa / 10.0, exponent + 1
    return signed(f"{mantissa:.{digits - 1}f}") + f" {TIMES} 10{superscript(exponent)}"


def fixed(value: float | None, decimals: int) -> str:
    """A number with some decimals; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:.{decimals}f}"
    return signed(text if float(text) else text.lstrip("-"))


def whole(value: float | None) -> str:
    """A count; a dash where there is none."""
    return fixed(value, 0)


def measured(value: float, error: float | None, errors: tuple[float, float] | None = None) -> str:
    """A value with its error, both to the second digit of the error; powers of ten in front of both.

    Parameters
    ----------
    value, error : float
    errors : tuple of float, optional
        Asymmetric errors (down, up), both positive; shown in the place of the symmetric one.

    Examples
    --------
    >>> measured(4.79087e-11, 3.61e-12), measured(2.2728, 0.157), measured(0.1209, 0.054)
    ('(4.79 ± 0.36) × 10⁻¹¹', '2.27 ± 0.16', '0.121 ± 0.054')
    >>> measured(512.1, 24.3), measured(2.27, 0.2, (0.15, 0.17)), measured(1.0, 0.0)
    ('512 ± 24', '2.27 −0.15 +0.17', '1')
    """
    widths = [width for width in (errors or (error,)) if width is not None]
    if not any(math.isfinite(width) and width > 0 for width in widths) or not math.isfinite(value):
        return _shortest(value)
    numbers, exponent = matched_digits(value, widths)
    if errors is None:
        text = f"{signed(numbers[0])} {PLUS_MINUS} {numbers[1]}"
    else:
        text = f"{signed(numbers[0])} {MINUS}{numbers[1]} +{numbers[2]}"
    return f"({text}) {TIMES} 10{superscript(exponent)}" if exponent else text


def _shortest(value: float) -> str:
    """A number that has no error, with up to six digits."""
    if not math.isfinite(value):
        return plain(value)
    mantissa, _, power = f"{value:.6g}".partition("e")
    return signed(mantissa) + (f" {TIMES} 10{superscript(int(power))}" if power else "")


def probability(value: float) -> str:
    """A p-value.

    >>> probability(0.1067), probability(3.2e-7)
    ('0.11', '3 × 10⁻⁷')
    """
    return plain(value, 2) if value >= 1e-3 or math.isnan(value) else plain(value, 1)


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names in a row, cut where there are many.

    >>> listed(["1", "2", "3"], most=2)
    '1, 2 and 1 more'
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

"""A value with its error, to the same digit: for the terminal, for repr and, with other signs, for the report."""

import math
from collections.abc import Sequence


def matched_digits(value: float, errors: Sequence[float]) -> tuple[list[str], int]:
    """A value and its errors to the second digit of the smallest error, over a power of ten that all have in common.

    Parameters
    ----------
    value : float
    errors : sequence of float
        At least one of them finite and above 0.

    Returns
    -------
    tuple
        Texts of the value and of each error, and the exponent; 0 where numbers are written as they are.
    """
    widths = [error for error in errors if math.isfinite(error) and error > 0]
    largest = max(abs(value), *widths)
    exponent = math.floor(math.log10(float(f"{largest:.1e}")))
    if -3 <= exponent < 5:
        exponent = 0
    factor = 10.0**-exponent
    decimals = max(0, 1 - math.floor(math.log10(float(f"{min(widths) * factor:.1e}"))))
    return [f"{number * factor:.{decimals}f}" for number in (value, *errors)], exponent


def measured_text(value: float, error: float | None = None, unit: str = "") -> str:
    """A value with its error and unit as a terminal shows them; without an error six digits.

    >>> measured_text(4.79087e-11, 3.61e-12, "TeV-1 s-1 cm-2"), measured_text(83.61906, 0.0030753, "deg")
    ('(4.79 ± 0.36)e-11 TeV-1 s-1 cm-2', '83.6191 ± 0.0031 deg')
    >>> measured_text(2.2728, 0.157), measured_text(1.0, 0.0, "TeV")
    ('2.27 ± 0.16', '1 TeV')
    """
    if error and math.isfinite(error) and error > 0 and math.isfinite(value):
        (shown, width), exponent = matched_digits(value, [error])
        text = f"{shown} ± {width}"
        text = f"({text})e{exponent:+03d}" if exponent else text
    else:
        text = f"{value:.6g}"
    return f"{text} {unit}".rstrip()

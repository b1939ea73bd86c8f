"""A short table of the common units, so that checking a configuration need not load astropy.

Anything that the table does not know goes to astropy, which stays the judge: its spellings, its "did you mean".
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_TOKEN = re.compile(r"([A-Za-z%]+)(?:\*\*|\^)?\(?([-+]?[0-9]+)?\)?")

# exponents of (length in cm, time in s, mass in g, angle in rad, photons) and the factor to those
_LENGTH = {"cm": "1", "m": "1e2", "km": "1e5", "mm": "1e-1"}
_TIME = {
    "s": "1",
    "ms": "1e-3",
    "us": "1e-6",
    "ns": "1e-9",
    "min": "60",
    "h": "3600",
    "hr": "3600",
    "d": "86400",
    "day": "86400",
}
_EV = Fraction("1.602176634e-12")  # in erg, exact in the SI of 2019
_ENERGY = {"eV": "1", "keV": "1e3", "MeV": "1e6", "GeV": "1e9", "TeV": "1e12", "PeV": "1e15"}


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """Exponents of length, time, mass, angle and photons, and the factor to cm, s, g, rad."""

    powers: tuple[int, int, int, int, int]
    factor: float | Fraction

    @property
    def name(self) -> str:
        """What it measures, in words; empty where there is no common word."""
        return _NAMES.get(self.powers, "")


_PI_180 = 0.017453292519943295
_TABLE: dict[str, KnownUnit] = {
    **{name: KnownUnit((1, 0, 0, 0, 0), Fraction(factor)) for name, factor in _LENGTH.items()},
    **{name: KnownUnit((0, 1, 0, 0, 0), Fraction(factor)) for name, factor in _TIME.items()},
    **{name: KnownUnit((2, -2, 1, 0, 0), Fraction(factor) * _EV) for name, factor in _ENERGY.items()},
    "erg": KnownUnit((2, -2, 1, 0, 0), Fraction(1)),
    "J": KnownUnit((2, -2, 1, 0, 0), Fraction(10**7)),
    "rad": KnownUnit((0, 0, 0, 1, 0), 1.0),
    "deg": KnownUnit((0, 0, 0, 1, 0), _PI_180),
    "arcmin": KnownUnit((0, 0, 0, 1, 0), _PI_180 / 60),
    "arcsec": KnownUnit((0, 0, 0, 1, 0), _PI_180 / 3600),
    "sr": KnownUnit((0, 0, 0, 2, 0), 1.0),
    "Hz": KnownUnit((0, -1, 0, 0, 0), Fraction(1)),
    "ph": KnownUnit((0, 0, 0, 0, 1), Fraction(1)),
    "%": KnownUnit((0, 0, 0, 0, 0), Fraction(1, 100)),
}
_NAMES: dict[tuple[int, ...], str] = {
    (0, 0, 0, 0, 0): "dimensionless",
    (1, 0, 0, 0, 0): "length",
    (2, 0, 0, 0, 0): "area",
    (0, 1, 0, 0, 0): "time",
    (0, -1, 0, 0, 0): "frequency",
    (2, -2, 1, 0, 0): "energy",
    (-2, 2, -1, 0, 0): "inverse energy",
    (0, 0, 0, 1, 0): "angle",
    (0, 0, 0, 2, 0): "solid angle",
    (-4, 1, -1, 0, 0): "differential flux",
    (-2, -1, 0, 0, 0): "flux",
    (0, -3, 1, 0, 0): "energy flux",
    (0, 0, 0, 0, 1): "photons",
    (0, -1, 0, 0, 1): "photon rate",
}


@lru_cache(maxsize=512)
def known_unit(text: str) -> KnownUnit | None:
    """The unit where every part of it stands in the table; None where astropy must be asked.

    >>> known_unit("TeV").name, known_unit("cm-2 s-1 TeV-1").name, known_unit("Tev")
    ('energy', 'differential flux', None)
    """
    powers = [0, 0, 0, 0, 0]
    factor: float | Fraction = Fraction(1)
    numerator, *denominators = text.split("/")
    if len(denominators) > 1:
        return None
    for part, sign in ((numerator, 1), *((part, -1) for part in denominators)):
        words = part.replace("**", "^").replace("*", " ").strip().strip("()" if sign < 0 else "").split()
        if not words and (sign < 0 or denominators):
            return None
        for word in words:
            if word == "1" and sign > 0 and denominators:
                continue
            match = _TOKEN.fullmatch(word)
            entry = _TABLE.get(match.group(1)) if match else None
            if match is None or entry is None or word.count("(") != word.count(")"):
                return None
            exponent = sign * int(match.group(2) or 1)
            if abs(exponent) > 9:
                return None
            powers = [p + exponent * q for p, q in zip(powers, entry.powers, strict=True)]
            factor = factor * entry.factor**exponent
    return KnownUnit((powers[0], powers[1], powers[2], powers[3], powers[4]), factor)


def conversion_factor(unit: str, target: str) -> float | None:
    """Factor from one unit to another, None where they measure different things.

    Raises
    ------
    ValueError
        A unit that does not exist, with astropy's words and its suggestion.
    """
    known, wanted = known_unit(unit), known_unit(target)
    if known is not None and wanted is not None:
        return float(known.factor / wanted.factor) if known.powers == wanted.powers else None
    return _astropy_factor(unit, target)


def unit_name(unit: str) -> str:
    """The unit with what it measures in brackets, for messages: ``deg (angle)``."""
    if unit == "":
        return "no unit (a pure number)"
    known = known_unit(unit)
    name = known.name if known is not None else _astropy_name(unit)
    return f"{unit} ({name})" if name else unit


def _astropy_factor(unit: str, target: str) -> float | None:
    from astropy import units  # late: heavy, and needed for unusual units only

    found = units.Unit(unit)
    try:
        return float(found.to(units.Unit(target)))
    except units.UnitConversionError:
        return None


def _astropy_name(unit: str) -> str:
    from astropy import units  # late: heavy, and needed for unusual units only

    name = str(units.Unit(unit).physical_type)
    return "" if name == "unknown" else name

"""A proposal for the analysis of what a survey found: every choice with the reason for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gammapy_hli.assistant.store_survey import FIELD, StoreSurvey

KINDS = ("spectrum", "light-curve", "image", "map")
MODELS = ("pl", "lp", "ecpl")
BACKGROUNDS = {
    "spectrum": ("reflected", "wobble", "irf"),
    "light-curve": ("reflected", "wobble", "irf"),
    "image": ("ring", "irf"),
    "map": ("fov", "irf", "ring"),
}
ON_RADIUS = 0.11  # [deg], where nothing tells how wide a point source is
_ROOM = 0.1  # [rad] that reflected regions leave beside the on region
_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Choice:
    """A value that is proposed, and why."""

    value: str
    why: str


def propose_kind(survey: StoreSurvey) -> Choice:
    """What kind of analysis the store allows and most users begin with."""
    return Choice("spectrum", f"a spectrum; also possible: {', '.join(possible_kinds(survey)[1:])}")


def possible_kinds(survey: StoreSurvey) -> list[str]:
    """Kinds of analysis that the responses are enough for."""
    has_maps = not survey.is_pointlike and {"bkg", "psf"} <= survey.kinds
    return list(KINDS) if has_maps else ["spectrum", "light-curve"]


def check_kind(survey: StoreSurvey, kind: str) -> str:
    """The kind of analysis; ValueError where the responses are not enough for it."""
    if kind not in possible_kinds(survey):
        lack = "the responses are point-like" if survey.is_pointlike else "not every run has a background and a PSF"
        raise ValueError(f"type {kind}: {lack}. Possible are {', '.join(possible_kinds(survey))}")
    return kind


def propose_on_radius(survey: StoreSurvey) -> Choice:
    """Radius of the on region [deg]."""
    if survey.rad_max is not None:
        return Choice(f"{survey.rad_max:g} deg", "the cut that the point-like responses were made for")
    if survey.psf_radius is not None:
        radius = math.ceil(round(110 * survey.psf_radius, 6)) / 100
        return Choice(
            f"{radius:g} deg", f"for a point source; the PSF holds 68 % in {survey.psf_radius:.2f} deg at 1 TeV"
        )
    return Choice(f"{ON_RADIUS} deg", "for a point source")


def n_reflected(offset: float, radius: float) -> int:
    """How many off regions fit beside an on region, without excluded sky; offset and radius in one unit."""
    if offset <= radius:
        return 0
    size = 2 * math.asin(radius / offset)
    return max(0, int((2 * math.pi - size - 2 * _ROOM) / size))


def propose_background(survey: StoreSurvey, kind: str, radius: float) -> Choice:
    """Background method that fits the kind, the responses and the offsets."""
    if kind == "map":
        return Choice("fov", "the background of the response files, scaled outside of the source")
    if kind == "image":
        return Choice("ring", "from a ring around every pixel")
    if survey.has_rad_max_table:
        return Choice("wobble", "the cut of the point-like responses depends on energy (RAD_MAX)")
    n_roomy = sum(n_reflected(offset, radius) >= 2 for offset in survey.offsets)
    if 2 * n_roomy >= len(survey.offsets) or "bkg" not in survey.kinds:
        some = "" if n_roomy == len(survey.offsets) else f" in {n_roomy} of {len(survey.offsets)} runs"
        return Choice(
            "reflected", f"{offsets_text(survey.offsets)} from the pointing there is room for off regions{some}"
        )
    return Choice("irf", f"{offsets_text(survey.offsets)} from the pointing there is no room for off regions")


def offset_min(survey: StoreSurvey, radius: float) -> float | None:
    """Least offset [deg] with room for two reflected regions, where some runs are nearer; None where none are."""
    if all(n_reflected(offset, radius) >= 2 for offset in survey.offsets):
        return None
    return next(step / 100 for step in range(1, 1000) if n_reflected(step / 100, radius) >= 2)


def n_off(survey: StoreSurvey, radius: float) -> int:
    """Number of wobble positions of a radius [deg] that do not overlap at the smallest offset, at most three."""
    offset, cut = float(survey.offsets.min()), max(radius, 1e-3)
    return max([number for number in (1, 2, 3) if offset * math.sin(math.pi / (number + 1)) > cut], default=1)


def propose_energies(survey: StoreSurvey) -> tuple[Choice, Choice]:
    """Limits of the reconstructed energies."""
    low, high = survey.energy_range
    share = 1 if survey.cuts else 0.5  # below their threshold cuts on the direction are wide
    first = max(round_down(share * survey.threshold), float(f"{1.5 * low:.1g}"))  # true energies begin below
    last = round_down(high / 2)
    if last <= 2 * first:
        first, last = low, high
    why = f"responses from {low:.3g} to {high:.4g} TeV, 10 % of the largest area at {survey.threshold:.2g} TeV"
    return Choice(f"{first:.3g} TeV", why), Choice(f"{last:.3g} TeV", why)


def true_energies(survey: StoreSurvey, low: float, high: float) -> tuple[str, str]:
    """Limits of the true energies for reconstructed ones [TeV]: wider by a factor of two and more."""
    first = max(round_down(low / 2), survey.energy_range[0])
    last = min(2 * high, survey.energy_range[1])
    return f"{min(first, low):.4g} TeV", f"{max(last, high):.4g} TeV"


def propose_safe_mask(survey: StoreSurvey) -> Choice:
    """Method of the safe mask."""
    if survey.has_thresholds:
        return Choice("aeff-default", "the response files name the energies that are safe")
    return Choice("aeff-max", "energies where the effective area is above 10 % of its largest")


def propose_width(survey: StoreSurvey) -> Choice:
    """Width of the maps [deg]."""
    reach = float(np.max(survey.offsets)) + min(survey.offset_max, FIELD.value)
    width = min(max(math.ceil(reach), 2), 5)
    return Choice(f"{width} deg", f"{offsets_text(survey.offsets)} from the pointings")


def offsets_text(offsets: Sequence[float] | np.ndarray) -> str:
    """Smallest and largest offset in words."""
    low, high = float(np.min(offsets)), float(np.max(offsets))
    return f"{low:.2f} deg" if high - low < 0.005 else f"{low:.2f} to {high:.2f} deg"


def round_down(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above.

    >>> [round_down(value) for value in (0.37, 2.0, 99.9)]
    [0.2, 2.0, 50.0]
    """
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    step = max(step for step in _STEPS if step * power <= value * (1 + 1e-9))
    return float(f"{step * power:.12g}")

"""From what was found and answered to the first configuration of an analysis."""

from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.assistant import proposal
from gammapy_hli.assistant.commented_yaml import Notes
from gammapy_hli.assistant.proposal import Choice
from gammapy_hli.assistant.store_survey import FIELD, StoreSurvey
from gammapy_hli.base.counted import counted
from gammapy_hli.base.names import slug
from gammapy_hli.core.plain import format_number
from gammapy_hli.core.quantity_traits import number_in

_EXCLUSION = 0.3  # [deg] around the target, for backgrounds in the field of view
_STARTS: dict[str, dict[str, Any]] = {
    "pl": {"type": "pl", "index": 2.5},
    "lp": {"type": "lp", "alpha": 2.5, "beta": 0.1},
    "ecpl": {"type": "ecpl", "index": 2, "lambda_": "0.1 TeV-1"},
}


@dataclass(frozen=True)
class Answers:
    """What a user decided.

    Attributes
    ----------
    datastore, outdir, kind, background, model, safe_mask : str
    on_radius, energy_min, energy_max, width : str
        With their units.
    reasons : mapping of str to Choice
        Proposals by name, for comments.
    """

    datastore: str
    outdir: str
    kind: str
    background: str
    on_radius: str
    energy_min: str
    energy_max: str
    width: str
    model: str
    safe_mask: str
    reasons: dict[str, Choice] = field(default_factory=dict)


def first_options(survey: StoreSurvey, answers: Answers) -> dict[str, Any]:
    """The options of the configuration, nested."""
    is_map = answers.kind in ("image", "map")
    name = source_name(survey)
    options: dict[str, Any] = {
        "general": {"outdir": answers.outdir},
        "steps": _steps(answers.kind),
        "selection": _selection(survey, answers, is_map),
        "reduction": {
            "type": answers.kind if is_map else "spectrum",
            **(_map(survey, answers) if is_map else _spectrum(survey, answers)),
            **_energies(survey, answers, is_map),
            "background": _background(survey, answers),
            "safe_mask": _safe_mask(survey, answers, is_map),
        },
    }
    if answers.kind != "image":
        options["model"] = {"sources": {name: _source(survey, answers)}}
        options["flux_points"] = {"source": name, "energy": _point_energies(answers)}
    if answers.kind == "light-curve":
        options["light_curve"] = {"source": name, "intervals": "runs" if len(survey.obs_ids) <= 100 else "nights"}
        del options["flux_points"]
    if is_map:
        options["maps"] = {"correlation_radius": "0.1 deg"}
    return options


def first_notes(survey: StoreSurvey, answers: Answers, program: str, file: str) -> Notes:
    """Words beside them."""
    target = survey.target
    heading = [
        f"{target.name}: {found_text(survey)}.",
        f"Written by {program} init; run it with: {program} run -c {file}",
        f"Every option, with what stands here: {program} config -c {file}",
        f"As Python, step by step: {program} config to-script {file}",
        "",
    ]
    places = {
        "reduction.background": "background",
        "reduction.on_region": "on_radius",
        "reduction.energy": "energy_min",
        "reduction.safe_mask": "safe_mask",
        "reduction.geometry": "width",
    }
    above = {}
    for path, name in places.items():
        reason = answers.reasons.get(name)
        if reason is not None and getattr(answers, name) == reason.value:
            above[path] = [f"{reason.why[:1].upper()}{reason.why[1:]}."]
    above["model"] = ["Starting values; the fit finds its own."]
    return Notes(heading, above)


def source_name(survey: StoreSurvey) -> str:
    """Name of the source in the model."""
    return slug(survey.target.name).lower()


def found_text(survey: StoreSurvey) -> str:
    """What was found, on one line."""
    enclosure = "point-like" if survey.is_pointlike else "full-enclosure"
    runs = counted(len(survey.obs_ids), "run")
    offsets = proposal.offsets_text(survey.offsets)
    return (
        f"{runs} of {survey.instrument}, {survey.livetime / 3600:.1f} h, at {offsets} from the pointing, "
        f"{enclosure} responses ({', '.join(sorted(survey.kinds - {'events', 'gti', 'pointing'}))})"
    )


def _steps(kind: str) -> list[str]:
    steps = ["selection", "reduction"]
    steps += {
        "spectrum": ["model", "fit", "flux_points"],
        "light-curve": ["model", "fit", "light_curve"],
        "map": ["model", "fit", "flux_points", "maps"],
        "image": ["maps"],
    }[kind]
    return [*steps, "report"]


def _center(survey: StoreSurvey) -> dict[str, str]:
    frame = survey.target.frame
    place = survey.target.position.transform_to(frame).spherical
    lon, lat = float(f"{place.lon.deg:.6f}") % 360, float(f"{place.lat.deg:z.6f}")
    return {"frame": frame, "lon": f"{format_number(lon)} deg", "lat": f"{format_number(lat)} deg"}


def _circle(survey: StoreSurvey, radius: str) -> dict[str, Any]:
    return {"circle": {"center": _center(survey), "radius": radius}}


def _selection(survey: StoreSurvey, answers: Answers, is_map: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "datastore": answers.datastore,
        "cone": {"center": _center(survey), "radius": f"{FIELD.value:g} deg"},
    }
    if is_map:
        found["required_irfs"] = ["full-enclosure"]
    elif answers.background == "irf":
        found["required_irfs"] = ["aeff", "edisp", "bkg"]
    elif survey.has_rad_max_table:
        found["required_irfs"] = ["aeff", "edisp", "rad_max"]
    elif answers.background == "reflected":
        least = proposal.offset_min(survey, number_in(answers.on_radius, "deg"))
        found |= {} if least is None else {"offset_min": f"{least:g} deg"}
    return found


def _spectrum(survey: StoreSurvey, answers: Answers) -> dict[str, Any]:
    region = {"point": {"center": _center(survey)}} if survey.has_rad_max_table else _circle(survey, answers.on_radius)
    return {"on_region": region, "containment_correction": not survey.is_pointlike and "psf" in survey.kinds}


def _map(survey: StoreSurvey, answers: Answers) -> dict[str, Any]:
    width = [answers.width, answers.width]
    return {"geometry": {"center": _center(survey), "width": width, "pixel": "0.02 deg"}}


def _energies(survey: StoreSurvey, answers: Answers, is_map: bool) -> dict[str, Any]:
    low, high = (number_in(value, "TeV") for value in (answers.energy_min, answers.energy_max))
    first, last = proposal.true_energies(survey, low, high)
    per_decade = 5 if is_map else 10
    return {
        "energy": {"min": answers.energy_min, "max": answers.energy_max, "per_decade": per_decade},
        "energy_true": {"min": first, "max": last, "per_decade": 2 * per_decade},
    }


def _background(survey: StoreSurvey, answers: Answers) -> dict[str, Any]:
    found: dict[str, Any] = {"method": answers.background}
    if answers.background == "wobble":
        cut = survey.largest_cut(number_in(answers.energy_min, "TeV"))
        found["wobble"] = {"n_off": proposal.n_off(survey, cut or number_in(answers.on_radius, "deg"))}
    if answers.background in ("ring", "fov"):
        found["exclusion"] = {"regions": [_circle(survey, f"{_EXCLUSION:g} deg")]}
    return found


def _safe_mask(survey: StoreSurvey, answers: Answers, is_map: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"methods": [answers.safe_mask]}
    if is_map:
        found["methods"].append("offset-max")
        found["offset_max"] = f"{min(survey.offset_max, FIELD.value):g} deg"
    return found


def _source(survey: StoreSurvey, answers: Answers) -> dict[str, Any]:
    low, high = (number_in(value, "TeV") for value in (answers.energy_min, answers.energy_max))
    reference = 1.0 if low < 1 < high else proposal.round_down((low * high) ** 0.5)
    amplitude = f"{1e-11 * reference**-2.5:.3g} cm-2 s-1 TeV-1"
    spectral = {**_STARTS[answers.model], "amplitude": amplitude, "reference": f"{format_number(reference)} TeV"}
    if answers.kind != "map":
        return {"spectral": spectral}
    center = _center(survey)
    spatial = {"type": "point", "lon_0": center["lon"], "lat_0": center["lat"], "frame": center["frame"]}
    return {"spectral": spectral, "spatial": spatial}


def _point_energies(answers: Answers) -> dict[str, Any]:
    return {"min": answers.energy_min, "max": answers.energy_max, "per_decade": 5}

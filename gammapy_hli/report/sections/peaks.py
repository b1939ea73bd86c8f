"""Peaks of the significance as a table: where they are, how sure, and which source of the model is there."""

import math

import astropy.units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.base.counted import counted
from gammapy_hli.report.blocks import Cell, Head, Row, TableBlock
from gammapy_hli.report.map_view import MapLayers, MapView
from gammapy_hli.report.number_text import fixed

MOST_ROWS = 30


def peaks_table(layers: MapLayers, view: MapView | None) -> TableBlock:
    """The peaks of a maps step, at most `MOST_ROWS` of them."""
    peaks, is_galactic = layers.peaks, layers.geometry.frame == "galactic"
    places = SkyCoord(peaks["ra"], peaks["dec"], frame="icrs")
    places = places.galactic if is_galactic else places
    names = ("l", "b") if is_galactic else ("RA", "Dec")
    head = [
        Head("Peak", is_text=True),
        *(Head(name, "deg") for name in names),
        Head("Error", "deg"),
        Head("Significance", "σ"),
        Head("From", "TeV"),
        Head("To", "TeV"),
        Head("Nearest source", is_text=True),
    ]
    rows = []
    for number, row in enumerate(peaks[:MOST_ROWS]):
        numbers = [
            *(fixed(float(angle), 4) for angle in (places[number].spherical.lon.deg, places[number].spherical.lat.deg)),
            _error(row["position_err"].to_value("deg")),
            fixed(float(row["sqrt_ts"]), 1),
            *(f"{row[name].to_value('TeV'):.4g}" for name in ("e_min", "e_max")),
        ]
        cells = [Cell(str(row["name"]), is_text=True), *(Cell(text) for text in numbers)]
        rows.append(Row([*cells, Cell(_nearest(places[number], view), is_text=True)]))
    left = f"; the {MOST_ROWS} highest" if len(peaks) > MOST_ROWS else ""
    step = "" if layers.step == "maps" else f" (step {layers.step})"
    return TableBlock(head, rows, caption=f"{counted(len(peaks), 'peak')} of the significance{left}{step}")


def _error(error: float) -> str:
    return fixed(error, 4) if math.isfinite(error) else "–"


def _nearest(place: SkyCoord, view: MapView | None) -> str:
    """Name of the nearest source of the model and how far it is."""
    known = [] if view is None else [(model.name, model.position) for model in view.sources]
    apart = [(place.separation(position).to_value(u.deg), name) for name, position in known if position is not None]
    if not apart:
        return "–"
    distance, name = min(apart)
    return f"{name}, {fixed(float(distance), 3)}°"

"""What the demos simulate and how they analyze it: data for `demo.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One demo.

    Attributes
    ----------
    outdir : str
        Folder where none is given.
    config : str
        The configuration, with ``{config}`` for its own name and ``{outdir}`` for that of the analysis.
    simulation : mapping
        Options of the simulation that differ from the defaults.
    """

    outdir: str
    config: str
    simulation: Mapping[str, Any] = field(default_factory=dict)


_HEAD = """\
# The analysis of the simulated store beside this file. Change an option and run it again:
#   gammapy-hli run -c {config}
config_version: 1
general: {{outdir: {outdir}}}
"""

_SPECTRUM = (
    _HEAD
    + """\
steps: [selection, reduction, model, fit, fit@stacked, flux_points, report]
selection:
  datastore: store
reduction:
  type: spectrum
  on_region: {{circle: {{center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}}}
  energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 10}}
  energy_true: {{min: 0.05 TeV, max: 100 TeV, per_decade: 20}}
  background: {{method: reflected}}
  safe_mask: {{methods: [aeff-max], aeff_percent: 10}}
model:
  sources:
    crab:
      spectral: {{type: lp, amplitude: 1e-11 cm-2 s-1 TeV-1, alpha: 2, beta: 0.1, reference: 1 TeV}}
fit@stacked: {{stack: true}}
flux_points: {{source: crab, inputs: {{fit: fit}}, energy: {{min: 0.1 TeV, max: 32 TeV, nbins: 13}}}}
"""
)

_MAP = (
    _HEAD
    + """\
steps: [selection, reduction, model, fit, flux_points, flux_points@pulsar, maps, report]
selection:
  datastore: store
reduction:
  type: map
  geometry: {{center: "83.633 deg, 22.1645 deg", width: [3 deg, 3 deg], pixel: 0.03 deg}}
  energy: {{min: 0.3 TeV, max: 30 TeV, per_decade: 5}}
  energy_true: {{min: 0.15 TeV, max: 60 TeV, per_decade: 10}}
  background: {{method: fov, exclusion: {{regions: ["icrs;circle(83.633,22.1645,0.75)"]}}}}
  safe_mask: {{methods: [aeff-max, offset-max], aeff_percent: 10, offset_max: 2 deg}}
model:
  sources:
    pulsar:
      spectral: {{type: pl, index: 2, amplitude: 1e-12 cm-2 s-1 TeV-1, reference: 1 TeV}}
      spatial: {{type: point, lon_0: 83.65 deg, lat_0: 22 deg}}
    nebula:
      spectral: {{type: pl, index: 2, amplitude: 1e-12 cm-2 s-1 TeV-1, reference: 1 TeV}}
      spatial: {{type: gauss, lon_0: 83.6 deg, lat_0: 22.3 deg, sigma: 0.2 deg}}
flux_points: {{source: nebula, energy: {{min: 0.3 TeV, max: 30 TeV, per_decade: 5}}}}
flux_points@pulsar: {{source: pulsar}}
maps: {{correlation_radius: 0.1 deg, products: [excess, significance, residual, ts]}}
"""
)

_TWO_SOURCES = {
    "source_name": "two-sources",
    "offset": "0.7 deg",
    "sources": {
        "pulsar": {
            "spectral": {"type": "pl", "index": 2.2, "amplitude": "4e-12 cm-2 s-1 TeV-1"},
            "spatial": {"type": "point", "lon_0": "83.633 deg", "lat_0": "22.0145 deg"},
        },
        "nebula": {
            "spectral": {"type": "pl", "index": 2.5, "amplitude": "1.2e-11 cm-2 s-1 TeV-1"},
            "spatial": {"type": "gauss", "lon_0": "83.633 deg", "lat_0": "22.3145 deg", "sigma": "0.12 deg"},
        },
    },
}

RECIPES = {
    "spectrum": Recipe("gammapy-hli-demo", _SPECTRUM),
    "map": Recipe("gammapy-hli-demo-map", _MAP, _TWO_SOURCES),
}
"""The demos by name."""

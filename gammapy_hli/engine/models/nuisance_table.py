"""The nuisance parameters that an instrument can have: names, defaults and bounds. No numpy; see nuisance.py."""

from gammapy_hli.engine.models.entries import ParameterEntry

__all__ = ["NUISANCES"]

NUISANCES = {
    "norm": ParameterEntry("norm", 1.0, min=0.0, help="Factor on the predicted counts of all sources."),
    "energy_scale": ParameterEntry(
        "energy_scale", 0.0, min=-0.9, help="True energies are (1 + energy_scale) times what the responses say."
    ),
}
"""By name."""

"""Writes ebl_reference.json: what gammapy 2.1 gives for absorbed power laws. Run it where gammapy is installed.

python tests/oracle/record_ebl.py
"""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
from gammapy import __version__
from gammapy.modeling.models import EBLAbsorptionNormSpectralModel, PowerLawSpectralModel

ENERGY = np.geomspace(0.02, 30, 12)
EDGES = np.geomspace(0.05, 20, 14)
CASES = [
    ("dominguez", 0.116, 1.0),
    ("dominguez", 1.2345, 0.6),
    ("dominguez", 3.98, 1.3),
    ("franceschini", 0.116, 1.0),
    ("franceschini", 0.0014, 0.6),
    ("franceschini", 1.9996, 1.3),
]


def record(reference, redshift, alpha_norm):
    """One case."""
    factor = EBLAbsorptionNormSpectralModel.read_builtin(reference, redshift=redshift, alpha_norm=alpha_norm)
    model = PowerLawSpectralModel(index=2.7, amplitude="5e-12 cm-2 s-1 TeV-1") * factor
    low, high = EDGES[:-1] * u.TeV, EDGES[1:] * u.TeV
    return {
        "reference": reference,
        "redshift": redshift,
        "alpha_norm": alpha_norm,
        "absorption": factor(ENERGY * u.TeV).value.tolist(),
        "integral": model.integral(low, high).to_value("cm-2 s-1").tolist(),
        "energy_flux": model.energy_flux(low, high).to_value("TeV cm-2 s-1").tolist(),
    }


content = {"gammapy": __version__, "energy": ENERGY.tolist(), "edges": EDGES.tolist()}
content["cases"] = [record(*case) for case in CASES]
Path(__file__).with_name("ebl_reference.json").write_text(json.dumps(content, indent=1) + "\n")

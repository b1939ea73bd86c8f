"""Writes models_reference.json: what gammapy 2.1 gives for each spectral model. Run it where gammapy is installed.

python tests/oracle/record_models_reference.py
"""

import json
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from gammapy import __version__
from gammapy.modeling.models import SPECTRAL_MODEL_REGISTRY as REGISTRY

EDGES = np.geomspace(0.05, 100, 68) * u.TeV  # 67 bins: 20 a decade, the axis of the H.E.S.S. Crab analysis
FEW = np.array([0.5, 2.0, 2.5, 30.0]) * u.TeV  # uneven: gammapy takes the number of nodes from the widest bin

CASES = {
    "pl": {"index": 2.3, "amplitude": "3e-11 cm-2 s-1 TeV-1", "reference": "2 TeV"},
    "pl-2": {"amplitude": "5e-11 cm-2 s-1", "index": 2.7, "emin": "0.7 TeV", "emax": "20 TeV"},
    "const": {"const": "3e-12 cm-2 s-1 TeV-1"},
    "bpl": {"index1": 1.7, "index2": 2.9, "amplitude": "2e-12 cm-2 s-1 TeV-1", "ebreak": "3 TeV"},
    "sbpl": {
        "index1": 1.7,
        "index2": 2.9,
        "amplitude": "2e-12 cm-2 s-1 TeV-1",
        "ebreak": "3 TeV",
        "reference": "0.7 TeV",
        "beta": 0.6,
    },
    "ecpl": {
        "index": 2.1,
        "amplitude": "4e-11 cm-2 s-1 TeV-1",
        "reference": "1.3 TeV",
        "lambda_": "0.07 TeV-1",
        "alpha": 0.9,
    },
    "ecpl-3fgl": {"index": 2.1, "amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1.3 TeV", "ecut": "14 TeV"},
    "secpl-3fgl": {
        "amplitude": "4e-11 cm-2 s-1 TeV-1",
        "reference": "1.3 TeV",
        "ecut": "14 TeV",
        "index_1": 1.9,
        "index_2": 1.4,
    },
    "secpl-4fgl": {
        "amplitude": "4e-11 cm-2 s-1 TeV-1",
        "reference": "1.3 TeV",
        "expfactor": 2e-14,
        "index_1": 1.9,
        "index_2": 1.9,
    },
    "secpl-4fgl-dr3": {
        "amplitude": "4e-11 cm-2 s-1 TeV-1",
        "reference": "1.3 TeV",
        "expfactor": 0.3,
        "index_1": 1.9,
        "index_2": 0.6,
    },
    "lp": {"amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1.3 TeV", "alpha": 2.4, "beta": 0.13},
    "lp2": {"amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1.3 TeV", "alpha": 2.4, "beta": 0.13, "escale": "4 TeV"},
    "gauss": {"amplitude": "4e-11 cm-2 s-1", "mean": "3 TeV", "sigma": "1.5 TeV"},
    "pl-norm": {"tilt": 0.2, "norm": 1.4, "reference": "2 TeV"},
    "lp-norm": {"norm": 1.4, "reference": "2 TeV", "alpha": 0.2, "beta": 0.1},
    "ecpl-norm": {"index": 0.2, "norm": 1.4, "reference": "2 TeV", "lambda_": "0.05 TeV-1", "alpha": 1.2},
}


def models():
    """Name, gammapy model."""
    made = {tag: REGISTRY.get_cls(tag)(**values) for tag, values in CASES.items()}
    for interp in ("log", "lin"):
        made[f"piecewise-norm {interp}"] = REGISTRY.get_cls("piecewise-norm")(
            energy=[0.1, 1, 7, 40] * u.TeV, norms=[0.8, 1.3, 2.1, 0.4] * u.one, interp=interp
        )
    made["template"] = REGISTRY.get_cls("template")(
        energy=[0.1, 1, 7, 40] * u.TeV, values=[8e-10, 1e-11, 2e-13, 1e-15] * u.Unit("cm-2 s-1 TeV-1")
    )
    made["compound add"] = made["pl"] + made["ecpl"]
    made["compound sub"] = made["ecpl"] - made["gauss"] * REGISTRY.get_cls("pl-norm")(norm=0.001)
    made["compound mul"] = made["pl"].copy() * made["pl-norm"]
    made["compound piecewise"] = made["ecpl"].copy() * made["piecewise-norm log"]
    return made


def record(name, model):
    """The numbers of one model, and how gammapy writes it."""
    centers = np.sqrt(EDGES[:-1] * EDGES[1:])
    norm = model(1 * u.TeV).unit == ""
    numbers = {
        "dnde": model(centers).to_value("" if norm else "cm-2 s-1 TeV-1"),
        "integral": model.integral(EDGES[:-1], EDGES[1:]).to_value("TeV" if norm else "cm-2 s-1"),
        "energy_flux": model.energy_flux(EDGES[:-1], EDGES[1:]).to_value("TeV2" if norm else "TeV cm-2 s-1"),
        "integral_few": model.integral(FEW[:-1], FEW[1:]).to_value("TeV" if norm else "cm-2 s-1"),
        "energy_flux_few": model.energy_flux(FEW[:-1], FEW[1:]).to_value("TeV2" if norm else "TeV cm-2 s-1"),
    }
    return {
        "spectral": model.to_dict()["spectral"],
        **{key: np.atleast_1d(value).tolist() for key, value in numbers.items()},
    }


def main():
    """Write the file."""
    warnings.simplefilter("ignore")
    content = {"gammapy": __version__, "edges": EDGES.value.tolist(), "few": FEW.value.tolist()}
    content["models"] = {name: record(name, model) for name, model in models().items()}
    content["table"] = {
        cls.tag[0]: {
            "short": cls.tag[1:],
            "parameters": [
                [p.name, float(p.value), p.unit.to_string("fits"), p.min, p.max, p.frozen]
                for p in cls.default_parameters
            ],
        }
        for cls in REGISTRY
        if len(getattr(cls, "default_parameters", []))
    }
    path = Path(__file__).with_name("models_reference.json")
    text = json.dumps(content, indent=None, separators=(", ", ": ")).replace("NaN", "null").replace(', "', ',\n"')
    path.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""EBL absorption against gammapy 2.1: numbers that record_ebl.py wrote down, for every table of the data folder."""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.models.models_yaml import parse_short

REFERENCE = json.loads(Path(__file__).with_name("ebl_reference.json").read_text())
RTOL = 1e-10


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: f"{case['reference']} {case['redshift']}")
def test_absorption_and_bin_integrals_are_those_of_gammapy(case, gammapy_data):
    if not (gammapy_data / "ebl").is_dir():
        pytest.skip("ebl is not in this copy of the data")
    ebl = {name: case[name] for name in ("reference", "redshift", "alpha_norm")}
    source = {"spectral": {"type": "pl", "index": 2.7, "amplitude": "5e-12 cm-2 s-1 TeV-1", "ebl": ebl}}
    spectral = parse_short({"agn": source})["agn"].spectral
    energy, edges = (np.array(REFERENCE[name]) for name in ("energy", "edges"))
    np.testing.assert_allclose(spectral.model2(energy * u.TeV).value, case["absorption"], rtol=RTOL, atol=1e-36)
    for power, name in enumerate(("integral", "energy_flux")):
        found = spectral.compile(edges, power).flux(spectral.values)
        np.testing.assert_allclose(found, case[name], rtol=RTOL, atol=1e-40)

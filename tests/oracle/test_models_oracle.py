"""Every spectral model against the numbers of gammapy 2.1 that record_models_reference.py wrote down."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from gammapy_hli.engine.models.build import build_spectral
from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.check import ModelChecker, as_node
from gammapy_hli.engine.models.models_yaml import plain_component, read_models

REFERENCE = json.loads(Path(__file__).with_name("models_reference.json").read_text())
NAMES = list(REFERENCE["models"])
EDGES, FEW = np.array(REFERENCE["edges"]), np.array(REFERENCE["few"])
RTOL = 1e-10  # the same rule in the same precision; what is left is the rounding of exp and log


def model_of(name):
    checker = ModelChecker()
    spec = checker.component(as_node(REFERENCE["models"][name]["spectral"]), "spectral", name)
    assert not checker.problems
    return build_spectral(spec)


@pytest.mark.parametrize("name", NAMES)
def test_dnde_is_that_of_gammapy(name):
    model = model_of(name)
    found = model.dnde(model.prepare(np.sqrt(EDGES[:-1] * EDGES[1:])), model.values)
    np.testing.assert_allclose(found, REFERENCE["models"][name]["dnde"], rtol=RTOL, atol=1e-300)


@pytest.mark.parametrize("edges", ["", "_few"], ids=["67 bins", "uneven bins"])
@pytest.mark.parametrize(("quantity", "power"), [("integral", 0), ("energy_flux", 1)])
@pytest.mark.parametrize("name", NAMES)
def test_bin_integrals_are_those_of_gammapy(name, quantity, power, edges):
    model = model_of(name)
    found = model.compile(FEW if edges else EDGES, power).flux(model.values)
    np.testing.assert_allclose(found, REFERENCE["models"][name][quantity + edges], rtol=RTOL, atol=1e-300)


@pytest.mark.parametrize("name", NAMES)
def test_models_are_written_as_gammapy_writes_them(name):
    assert plain_component(model_of(name)) == REFERENCE["models"][name]["spectral"]


@pytest.mark.parametrize("tag", [tag for tag in REFERENCE["table"] if tag in SPECTRAL])
def test_names_defaults_units_and_bounds_are_those_of_gammapy(tag):
    entry, recorded = SPECTRAL[tag], REFERENCE["table"][tag]
    assert list(entry.short) == recorded["short"]
    assert [parameter.name for parameter in entry.parameters] == [row[0] for row in recorded["parameters"]]
    for parameter, (_, default, unit, low, high, frozen) in zip(entry.parameters, recorded["parameters"], strict=True):
        assert (parameter.default, parameter.unit, parameter.frozen) == (default, unit, frozen)
        assert (math.isnan(parameter.min), math.isnan(parameter.max)) == (low is None, high is None)


def test_only_models_that_need_a_table_of_their_own_are_missing():
    missing = set(REFERENCE["table"]) - set(SPECTRAL)
    assert missing == {"ScaleSpectralModel"}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("estimators/crab_hess_fp/models.yaml", "Crab"),
        ("estimators/pks2155_hess_lc/models.yaml", "pks2155"),
        ("fermi-3fhl-crab/Fermi-LAT-3FHL_models.yaml", "Crab Nebula"),
    ],
)
def test_model_files_of_gammapy_are_read(gammapy_data, file, name):
    path = gammapy_data / file
    if not path.exists():
        pytest.skip(f"{file} is not in this copy of the data")
    assert name in read_models(path).names

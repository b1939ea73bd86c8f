"""The fit result product and its files."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.fit_result import FitResult

NUISANCE = Nuisance(
    "magic",
    ("toy",),
    Parameter("norm", 1.0, min=0, prior=Prior("GaussianPrior", {"mu": 1.0, "sigma": 0.1})),
    Parameter("energy_scale", 0.0, prior=Prior("UniformPrior", {"min": -0.2, "max": 0.1}, 2.0), frozen=True),
)


@pytest.fixture(params=["plain", "minos", "linked", "failed", "nuisances"])
def result(toy_counts, request):
    crab = SkyModel("crab", PowerLawSpectralModel(index=2.3, amplitude=3e-12))
    models = Models(crab)
    dataset = toy_counts(models, np.random.default_rng(1))
    if request.param == "linked":
        models = Models([crab, SkyModel("two", PowerLawSpectralModel(index=2.3, amplitude=1e-12))])
        models.link("two.spectral.index", "crab.spectral.index")
    if request.param == "failed":
        dataset = replace(dataset, mask_safe=np.zeros(8, dtype=bool))
    own = [NUISANCE] if request.param == "nuisances" else []
    return fit([dataset], models, minos=["all"] if request.param == "minos" else (), nuisances=own)


def test_files_come_back_bit_by_bit(result, tmp_path):
    result.write(tmp_path)
    back = FitResult.read(tmp_path)
    assert back == result
    np.testing.assert_array_equal(back.covariance, result.covariance)
    assert [p.value for p in back.parameters] == [p.value for p in result.parameters]


def test_the_same_result_makes_the_same_bytes(result, tmp_path):
    first = [path.read_bytes() for path in result.write(tmp_path)]
    assert [path.read_bytes() for path in FitResult.read(tmp_path).write(tmp_path)] == first


def test_the_covariance_of_models_is_their_part_of_all(result, tmp_path):
    result.write(tmp_path)
    n = len(result.models.parameters)
    assert (tmp_path / "nuisances.yaml").exists() == (n < len(result.parameters))
    assert len((tmp_path / "covariance.dat").read_text().splitlines()) == n + 1
    np.testing.assert_array_equal(result.models.covariance, result.covariance[:n, :n])


def test_nuisances_of_another_fit_are_an_error(toy_counts, tmp_path):
    models = Models(SkyModel("crab", PowerLawSpectralModel(index=2.3, amplitude=3e-12)))
    fit([toy_counts(models)], models, nuisances=[NUISANCE]).write(tmp_path)
    text = (tmp_path / "nuisances.yaml").read_text()
    (tmp_path / "nuisances.yaml").write_text(text.replace("crab.spectral.index", "vela.spectral.index"))
    with pytest.raises(InputError, match=r"nuisances\.yaml: has the parameters vela.*expected crab"):
        FitResult.read(tmp_path)
    (tmp_path / "nuisances.yaml").write_text("nuisances: 3")
    with pytest.raises(InputError, match="not a file of fitted nuisances"):
        FitResult.read(tmp_path)


def test_fit_yaml_has_the_names_of_the_contract(result, tmp_path):
    result.write(tmp_path)
    content = yaml.safe_load((tmp_path / "fit.yaml").read_text())
    expected = ["success", "status", "message", "stat", "stat_prior", "n_bins", "n_free", "n_evaluations"]
    assert list(content)[: len(expected)] == expected
    row = content["parameters"][0]
    assert list(row)[:8] == ["name", "value", "error", "unit", "min", "max", "frozen", "link"]
    assert {"chi2", "dof", "p_value", "warning", "datasets"} == set(content["goodness"])


def test_parameters_are_found_by_name(result):
    assert result["crab.spectral.index"].name == "crab.spectral.index"
    with pytest.raises(KeyError, match=r"'crab\.spectral\.indx'.*crab\.spectral\.index"):
        result["crab.spectral.indx"]


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"fit\.yaml: cannot be read"):
        FitResult.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: [", "not valid YAML"),
        ("{success: true}", "not the file of a fit result"),
        ("7", "not the file of a fit result"),
    ],
    ids=["broken", "keys missing", "a number"],
)
def test_a_damaged_file_is_an_error(result, text, match, tmp_path):
    result.write(tmp_path)
    (tmp_path / "fit.yaml").write_text(text)
    with pytest.raises(InputError, match=match):
        FitResult.read(tmp_path)


def test_summary_shows_status_and_free_parameters(result):
    shown = result.summary()
    assert shown["status"] == result.status
    assert "crab.spectral.amplitude" in shown
    assert "crab.spectral.reference" not in shown
    assert "FitResult" in repr(result)

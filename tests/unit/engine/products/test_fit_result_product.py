"""The fit result product and its files."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.fit_result import FitResult


@pytest.fixture(params=["plain", "minos", "linked", "failed"])
def result(toy_counts, request):
    crab = SkyModel("crab", PowerLawSpectralModel(index=2.3, amplitude=3e-12))
    models = Models(crab)
    dataset = toy_counts(models, np.random.default_rng(1))
    if request.param == "linked":
        models = Models([crab, SkyModel("two", PowerLawSpectralModel(index=2.3, amplitude=1e-12))])
        models.link("two.spectral.index", "crab.spectral.index")
    if request.param == "failed":
        dataset = replace(dataset, mask_safe=np.zeros(8, dtype=bool))
    return fit([dataset], models, minos=["all"] if request.param == "minos" else ())


def test_files_come_back_bit_by_bit(result, tmp_path):
    result.write(tmp_path)
    back = FitResult.read(tmp_path)
    assert back == result
    np.testing.assert_array_equal(back.covariance, result.covariance)
    assert [p.value for p in back.parameters] == [p.value for p in result.parameters]


def test_the_same_result_makes_the_same_bytes(result, tmp_path):
    first = [path.read_bytes() for path in result.write(tmp_path)]
    assert [path.read_bytes() for path in FitResult.read(tmp_path).write(tmp_path)] == first


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

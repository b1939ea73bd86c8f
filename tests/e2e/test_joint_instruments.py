"""Two instruments from the command line: labels, nuisances, resume, what goes wrong and how it is told."""

import json

import numpy as np
import pytest
import yaml

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.engine.estimate.residual_map import estimate_residual_maps
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.products.fit_result import FitResult

CONFIG = """\
config_version: 1
general: {outdir: out}
steps: [selection@one, reduction@one, selection@two, reduction@two, model, fit, fit@plain, flux_points, report]
selection@one: {datastore: store, obs_ids: [1, 2]}
selection@two: {datastore: store, obs_ids: [3]}
reduction:
  on_region: {circle: {center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}
  energy: {min: 0.1 TeV, max: 40 TeV, per_decade: 5}
  energy_true: {min: 0.05 TeV, max: 100 TeV, per_decade: 10}
reduction@one: {inputs: {observations: selection@one}}
reduction@two: {inputs: {observations: selection@two}, energy: {min: 0.2 TeV, max: 20 TeV, per_decade: 4}}
model:
  sources:
    crab:
      spectral: {type: lp, amplitude: 1e-11 cm-2 s-1 TeV-1, alpha: 2, beta: 0.1, reference: 1 TeV}
fit:
  inputs: {datasets: [reduction@one, reduction@two]}
  nuisances:
    two:
      norm: {prior: {gauss: {mean: 1, sigma: 0.1}}}
      energy_scale: {prior: {gauss: {mean: 0, sigma: 0.15}}}
fit@plain: {nuisances: {two: {norm: null, energy_scale: null}}}
flux_points: {inputs: {fit: fit}, energy: {min: 0.3 TeV, max: 10 TeV, nbins: 3}}
"""


@pytest.fixture
def joint(place):
    (place / "joint.yaml").write_text(CONFIG, encoding="utf-8")
    return place


def test_a_joint_run_leaves_files_that_say_what_was_found(joint, hli, products):
    assert hli("run", "-c", "joint.yaml", "-q").code == 0
    out = joint / "out"
    assert {path.name for path in (out / "reduction@two").glob("*.fits")} == {"pha_obstwo-3.fits"}
    result, plain = (FitResult.read(out / step) for step in ("fit", "fit@plain"))
    assert result.names[-2:] == ("two.norm", "two.energy_scale")
    assert [nuisance.datasets_names for nuisance in result.nuisances] == [("two-3",)]
    assert not plain.nuisances
    assert not (out / "fit@plain" / "nuisances.yaml").exists()
    assert result.stat <= plain.stat
    for name in ("two.norm", "two.energy_scale"):  # one simulation: within three sigma of what was put in
        parameter = result[name]
        assert abs(parameter.value - (name == "two.norm")) < 3 * parameter.error
    content = yaml.safe_load((out / "fit" / "fit.yaml").read_text())
    assert content["stat_prior"] > 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["fit"]["parameters"]["two.energy_scale"]["value"] == result["two.energy_scale"].value
    page = (out / "report" / "index.html").read_text()
    for words in ("instrument by instrument", "two, energy scale", "runs used", "Joint fit, one:"):
        assert words in page
    before = products(out)
    assert hli("run", "-c", "joint.yaml", "-q").code == 0
    assert products(out) == before
    told = hli("plan", "-c", "joint.yaml", "--fit.nuisances.two.norm", "{value: 1.1, frozen: true}")
    assert "nuisances.two.norm changed" in told.out + told.err


def test_a_session_gives_the_likelihood_of_both(joint):
    analysis = Analysis("joint.yaml", {"general": {"store": False}}).run(until="fit@plain")
    likelihood = analysis.likelihood()
    assert likelihood.stat(likelihood.theta0) == pytest.approx(analysis.fit_result.stat, rel=1e-9)
    assert {dataset.name for dataset in likelihood.datasets} == {"one-1", "one-2", "two-3"}
    profile = analysis.stat_profile("two.energy_scale", n_values=5)
    assert profile.stat.argmin() == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    two:", "    tow:", ("joint.yaml:19:5", "'tow' is neither the label", "Did you mean 'two'?")),
        ("    two:", '    "4":', ("'4' is neither the label",)),
        ("    two:", "    two-9:", ("'two-9' is neither the label",)),
        (
            "    two:",
            "    two-3: {norm: {}}\n    two:",
            ("19:5", "'two-3' would have two nuisances", "names 'two' (joint"),
        ),
        ("sigma: 0.15", "sigma: 0", ("joint.yaml:21:54", "sigma 0 is not positive")),
        ("sigma: 0.15", "width: 0.15", ("unknown key 'width'", "Allowed: mean, sigma")),
        ("energy_scale: {prior", "energy_scal: {prior", ("Did you mean 'energy_scale'",)),
        ("[reduction@one, reduction@two]}", "reduction}", ("'reduction' is not in steps",)),
        ("  inputs: {datasets: [reduction@one, reduction@two]}\n", "", ("'reduction@one' and 'reduction@two' both",)),
        ("fit@plain: {", "fit@plain: {minos: [crab.spectral.alph], ", ("Did you mean 'crab.spectral.alpha'?",)),
        ("fit@plain: {", "fit@plain: {minos: [crab.spectral.reference], ", ("'crab.spectral.reference' is not free",)),
        ("fit@plain: {", "fit@plain: {energy_range: [50 TeV, null], ", ("reduction@two, 0.2 TeV", "0.1 TeV")),
        ("{min: 0.3 TeV, max: 10 TeV, nbins: 3}", "{min: 50 TeV, max: 60 TeV}", ("flux_points.energy.min", "outside")),
    ],
)
def test_mistakes_are_told_before_any_work(joint, hli, old, new, words):
    text = CONFIG.replace(old, new, 1)
    assert text != CONFIG
    (joint / "joint.yaml").write_text(text, encoding="utf-8")
    found = hli("run", "-c", "joint.yaml", "-q")
    assert found.code == 2
    for word in words:
        assert word in found.err
    assert not (joint / "out").exists()


@pytest.mark.parametrize(
    ("names", "code", "words"),
    [
        ("[one-1, two-3]", 0, ""),
        ("[one-1, two-4]", 3, "model 'crab' is for dataset 'two-4', which is not there. Did you mean 'two-3'?"),
    ],
    ids=["right", "one wrong"],
)
def test_names_of_datasets_of_a_source(joint, hli, names, code, words):
    text = CONFIG.replace("    crab:\n", f"    crab:\n      datasets_names: {names}\n")
    (joint / "joint.yaml").write_text(text, encoding="utf-8")
    found = hli("run", "-c", "joint.yaml", "-q", "--steps", "selection@one", "reduction@one", "selection@two",
                "reduction@two", "model", "fit")  # fmt: skip
    assert found.code == code, found.err
    assert words in found.err


def test_one_run_under_two_labels_is_two_datasets(joint):
    analysis = Analysis("joint.yaml", {"general.store": False, "selection@two.obs_ids": [1]}).run(until="fit")
    assert [part.name for part in analysis.fit_result.goodness.datasets] == ["one-1", "one-2", "two-1"]


def test_a_fit_of_one_instrument_leaves_out_what_it_inherits_for_the_other(joint):
    own = {"inputs": {"datasets": "reduction@one"}, "nuisances": {"two": {"norm": {"value": 1}, "energy_scale": 0}}}
    text = CONFIG.replace("fit@plain: {nuisances: {two: {norm: null, energy_scale: null}}}\n", "")
    (joint / "joint.yaml").write_text(text, encoding="utf-8")
    analysis = Analysis("joint.yaml", {"general.store": False, "fit@plain": {"inputs": own["inputs"]}})
    assert not analysis.run(until="fit@plain").product_of("fit@plain").nuisances
    with pytest.raises(ConfigError, match="'two' is neither"):  # named for this fit it is meant
        Analysis("joint.yaml", {"general.store": False, "fit@plain": own})


MIXED = """\
config_version: 1
general: {outdir: out}
steps: [selection@a, reduction@a, selection@b, reduction@b, model, fit, flux_points, maps]
selection@a: {datastore: store, obs_ids: [1, 2]}
selection@b: {datastore: store, obs_ids: [3]}
reduction@a:
  inputs: {observations: selection@a}
  type: map
  geometry: {center: "83.633 deg, 22.0145 deg", width: [1.6 deg, 1.6 deg], pixel: 0.08 deg}
  energy: {min: 0.5 TeV, max: 10 TeV, nbins: 4}
  energy_true: {min: 0.25 TeV, max: 20 TeV, per_decade: 10}
  background: {method: fov, exclusion: {regions: ["icrs;circle(83.633,22.0145,0.4)"]}}
reduction@b:
  inputs: {observations: selection@b}
  on_region: {circle: {center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}
model:
  sources:
    crab:
      spectral: {type: lp, amplitude: 1e-11 cm-2 s-1 TeV-1, alpha: 2, beta: 0.2, reference: 1 TeV}
      spatial: {type: point, lon_0: {value: 83.633 deg, frozen: true}, lat_0: {value: 22.0145 deg, frozen: true}}
fit:
  inputs: {datasets: [reduction@a, reduction@b]}
  nuisances:
    a: {norm: {prior: {gauss: {mean: 1, sigma: 0.2}}}}
    b: {energy_scale: {prior: {gauss: {mean: 0, sigma: 0.15}}}}
flux_points: {energy: {min: 0.5 TeV, max: 10 TeV, nbins: 2}}
maps: {inputs: {datasets: reduction@a}, products: [residual], flux_maps: false}
"""


def test_a_map_and_a_spectrum_in_one_fit(joint, hli):
    (joint / "mixed.yaml").write_text(MIXED, encoding="utf-8")
    assert hli("run", "-c", "mixed.yaml", "-q").code == 0
    analysis = Analysis.read(joint / "out")
    result = analysis.fit_result
    assert result.success
    assert [nuisance.datasets_names for nuisance in result.nuisances] == [("a",), ("b-3",)]
    norm = result["a.norm"]
    assert abs(norm.value - 1) < 3 * norm.error < 0.6
    # the residual map is that of the prediction with the norm
    dataset = analysis.product_of("reduction@a").datasets["a"]
    with_norm, without = (predict_map(dataset, result.models, own) for own in (result.nuisances, ()))
    assert with_norm.signal.sum() == pytest.approx(norm.value * without.signal.sum())
    residual = analysis.product_of("maps")["residual_significance"]
    expected = estimate_residual_maps(dataset, with_norm.npred, analysis.maps.correlation_radius)
    np.testing.assert_allclose(residual.data, expected["residual_significance"].data, rtol=1e-4, atol=1e-4)
    points = analysis.product_of("flux_points")
    assert points.source == "crab"  # the background model of the map is no source
    assert set(points.datasets) == {"a", "b-3"}

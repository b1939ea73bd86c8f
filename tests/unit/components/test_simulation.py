"""Options of the simulator become a plan."""

import pytest

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.components.simulation import Simulation

PULSAR = {"spectral": {"type": "pl", "index": 2.1}}
NEBULA = {**PULSAR, "spatial": {"type": "gauss", "lon_0": "83.3 deg", "lat_0": "22 deg", "sigma": "0.1 deg"}}


def test_sources_take_the_place_of_the_one_source():
    plan = Simulation(sources={"pulsar": PULSAR, "nebula": NEBULA}).plan()
    assert tuple(plan.models.names) == ("pulsar", "nebula")
    pulsar, nebula = plan.sources()
    assert pulsar.position.separation(plan.target).deg < 1e-9
    assert nebula.spatial.tag == "GaussianSpatialModel"


def test_without_sources_there_is_the_one_of_spectral():
    assert tuple(Simulation(source_name="crab").plan().models.names) == ("crab",)


def test_misspelt_model_of_a_source_is_told():
    with pytest.raises(ConfigError, match=r"sources.pulsar.spatial.type"):
        Simulation(sources={"pulsar": {**PULSAR, "spatial": {"type": "gaus"}}})


def test_template_of_a_source_is_found_from_the_folder_of_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"sources": {"cloud": {**PULSAR, "spatial": {"type": "template", "filename": "cloud.fits"}}}}
    written = Simulation(options).sources["cloud"].as_written()
    assert written["spatial"]["filename"] == str(tmp_path / "cloud.fits")


def alpha_of(simulation):
    return simulation.plan().models["crab"].spectral.parameters["alpha"].value


def test_numbers_of_the_default_spectrum_do_not_go_into_one_of_another_type():
    """``alpha`` is a slope of the log-parabola, which is the default, and the power of E in a cut-off."""
    simulation = Simulation(spectral={"type": "ecpl", "index": 2.3, "lambda_": "0.1 TeV-1"})
    assert alpha_of(simulation) == 1
    assert alpha_of(Simulation(spectral={"type": "lp", "beta": 0.1})) == 2.51
    simulation.spectral.type = "lp"
    assert alpha_of(simulation) == 2.51

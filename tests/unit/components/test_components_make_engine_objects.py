"""Components turn options into the arguments of the engine, units and all."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import ConfigError, HliError
from gammapy_hli.components.cone import ConeSearch
from gammapy_hli.components.energy_axis import EnergyAxis
from gammapy_hli.components.exclusion import Exclusion
from gammapy_hli.components.general import General
from gammapy_hli.components.safe_mask import SafeMask
from gammapy_hli.components.simulation import Simulation
from gammapy_hli.components.sky import make_region
from gammapy_hli.components.source import Source
from gammapy_hli.engine.models.catalogue import SPECTRAL


def test_axis_has_the_bins_that_are_asked_for():
    axis = EnergyAxis(min="0.1 TeV", max="10 TeV", per_decade=5).axis("energy")
    assert axis.nbin == 10
    np.testing.assert_allclose(axis.edges.to_value("TeV")[[0, 5, 10]], [0.1, 1, 10], rtol=1e-14)
    assert EnergyAxis(min="100 GeV", max="10 TeV", nbins=3).axis("energy").nbin == 3
    edges = EnergyAxis(edges=["1 TeV", "3 TeV", "7000 GeV"]).axis("energy_true").edges
    np.testing.assert_array_equal(edges.to_value("TeV"), [1, 3, 7])


def test_last_of_a_choice_group_wins():
    axis = EnergyAxis(nbins=4)
    assert axis.per_decade is None
    axis.per_decade = 3
    assert axis.nbins is None
    with pytest.raises(ConfigError, match="exclude each other"):
        EnergyAxis(nbins=4, per_decade=3)


def test_cone_has_center_and_radius():
    cone = ConeSearch(center="83.63 deg, 22.01 deg", radius="60 arcmin").cone()
    assert cone.radius == 1 * u.deg
    assert cone.center.ra.deg == pytest.approx(83.63)


def test_exclusion_is_nothing_where_nothing_is_named():
    region = make_region(_region("icrs;circle(10,20,1)"))
    assert Exclusion().exclusion_mask(region.center) is None
    drawn = Exclusion(regions=["icrs;circle(10,20,1)"], pixel="0.1 deg", width="4 deg").exclusion_mask(region.center)
    assert not drawn.is_allowed(np.radians([10.0]), np.radians([20.0]))[0]
    assert drawn.is_allowed(np.radians([10.0]), np.radians([21.5]))[0]


def _region(text):
    return Exclusion(regions=[text]).regions[0]


@pytest.mark.parametrize("text", ["not a region", "icrs;circle(10)", {"circle": {"center": "1 deg, 2 deg"}}])
def test_region_that_is_none_is_refused(text):
    with pytest.raises(HliError):
        Exclusion(regions=[text]).check_inputs()


def test_mask_that_is_not_there_is_refused_by_its_name(tmp_path):
    with pytest.raises(HliError, match=r"no\.fits"):
        Exclusion(mask=tmp_path / "no.fits").check_inputs()


def test_safe_mask_hands_its_numbers_on():
    plan = SafeMask(methods=["aeff-max", "offset-max"], aeff_percent=20, offset_max="2 deg").plan()
    assert plan.methods == ("aeff-max", "offset-max")
    assert plan.aeff_percent == 20
    assert plan.offset_max == 2 * u.deg


def test_general_options_change_no_result():
    assert not any(option.affects_result for option in General.members().values())


@pytest.mark.parametrize("entry", SPECTRAL.values(), ids=lambda entry: entry.tag)
def test_every_spectral_model_is_chosen_by_all_its_names_with_its_defaults(entry):
    for name in (entry.tag, *entry.short):
        model = Source(spectral={"type": name}).spectral
        for parameter in entry.parameters:
            value = getattr(model, parameter.name)
            if parameter.required:
                assert value is None
            else:
                assert value.value == pytest.approx(parameter.default)


def test_simulation_has_the_plan_of_its_options():
    plan = Simulation(n_runs=2, livetime="10 min", seed=5, spectral={"type": "pl", "index": 3}).plan()
    assert plan.n_runs == 2
    assert plan.livetime == 600 * u.s
    assert plan.models.parameters["crab.spectral.index"].value == 3

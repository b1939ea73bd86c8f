"""What is proposed for the analysis of a store: laws of geometry, and what responses and offsets allow."""

from dataclasses import replace

import numpy as np
import pytest

from gammapy_hli.assistant import proposal
from gammapy_hli.assistant.first_config import _center
from gammapy_hli.assistant.store_survey import StoreSurvey, Target, find_target

SURVEY = StoreSurvey(
    target=Target("crab", 83.63, 22.01, 4),
    obs_ids=(1, 2, 3, 4),
    offsets=np.full(4, 0.5),
    livetime=7200.0,
    instrument="X",
    kinds=frozenset({"events", "gti", "aeff", "edisp", "psf", "bkg"}),
    is_pointlike=False,
    rad_max=None,
    cuts=(),
    energy_range=(0.01, 100.0),
    threshold=0.3,
    has_thresholds=True,
    psf_radius=0.1,
    offset_max=2.5,
)


@pytest.mark.parametrize(
    ("offset", "radius", "number"), [(0.5, 0.11, 12), (0.5, 0.25, 4), (0.2, 0.11, 4), (0.1, 0.11, 0), (0.12, 0.11, 1)]
)
def test_reflected_regions_do_not_overlap(offset, radius, number):
    found = proposal.n_reflected(offset, radius)
    assert found == number
    if number:
        assert (found + 1) * 2 * np.arcsin(radius / offset) <= 2 * np.pi


def test_wobble_positions_do_not_overlap():
    survey = replace(SURVEY, offsets=np.array([0.4, 0.5]))
    assert [proposal.n_off(survey, radius) for radius in (0.2, 0.3, 0.36)] == [3, 2, 1]


def test_cuts_below_the_energies_of_the_analysis_do_not_count():
    survey = replace(SURVEY, cuts=((0.1, 0.4), (1.0, 0.2), (10.0, 0.1)))
    assert [survey.largest_cut(energy) for energy in (0.05, 0.1, 2, 20)] == [0.4, 0.2, 0.1, 0]
    assert SURVEY.largest_cut(1) == 0


@pytest.mark.parametrize(
    ("changes", "kind", "method"),
    [
        ({}, "spectrum", "reflected"),
        ({}, "image", "ring"),
        ({}, "map", "fov"),
        ({"cuts": ((1.0, 0.2),), "is_pointlike": True}, "light-curve", "wobble"),
        ({"offsets": np.zeros(4)}, "spectrum", "irf"),
        ({"offsets": np.zeros(4), "kinds": frozenset({"aeff", "edisp"})}, "spectrum", "reflected"),
        ({"offsets": np.array([0.5, 0.5, 0.5, 0.0])}, "spectrum", "reflected"),
    ],
)
def test_background_fits_responses_and_offsets(changes, kind, method):
    assert proposal.propose_background(replace(SURVEY, **changes), kind, 0.11).value == method


def test_runs_without_room_are_left_out_by_the_least_offset():
    mixed = replace(SURVEY, offsets=np.array([0.5, 0.05]))
    least = proposal.offset_min(mixed, 0.11)
    assert proposal.n_reflected(least, 0.11) >= 2
    assert proposal.n_reflected(least - 0.01, 0.11) < 2
    assert proposal.offset_min(SURVEY, 0.11) is None


def test_maps_need_background_and_psf():
    assert proposal.possible_kinds(SURVEY) == ["spectrum", "light-curve", "image", "map"]
    for changes in ({"is_pointlike": True}, {"kinds": frozenset({"aeff", "edisp", "psf"})}):
        with pytest.raises(ValueError, match=r"type map: .* Possible are spectrum, light-curve"):
            proposal.check_kind(replace(SURVEY, **changes), "map")


@pytest.mark.parametrize(
    ("energy_range", "threshold"), [((0.01, 100), 0.3), ((0.05, 125), 0.16), ((0.0126, 199.5), 0.02), ((1, 3), 1)]
)
def test_true_energies_reach_beyond_the_reconstructed_ones(energy_range, threshold):
    survey = replace(SURVEY, energy_range=energy_range, threshold=threshold)
    low, high = (float(choice.value.split()[0]) for choice in proposal.propose_energies(survey))
    first, last = (float(text.split()[0]) for text in proposal.true_energies(survey, low, high))
    assert energy_range[0] <= first <= low < high <= last <= energy_range[1] * 1.001
    assert low <= threshold * 1.001 or threshold < 1.5 * energy_range[0]


def test_on_radius_follows_the_responses():
    assert proposal.propose_on_radius(SURVEY).value == "0.11 deg"
    assert proposal.propose_on_radius(replace(SURVEY, psf_radius=None)).value == "0.11 deg"
    assert proposal.propose_on_radius(replace(SURVEY, rad_max=0.2, is_pointlike=True)).value == "0.2 deg"
    assert proposal.propose_on_radius(replace(SURVEY, psf_radius=0.06)).value == "0.07 deg"


OBJECTS = [
    Target("Crab Nebula", 83.633, 22.014, 4),
    Target("MSH 15-52", 228.6, -59.3, 2),
    Target("Survey", None, None, 3),
]


@pytest.mark.parametrize("written", ["Crab Nebula", "crab nebula", "CrabNebula", "crab", "83.63 deg, 22.01 deg"])
def test_target_is_found_by_name_or_position(written):
    assert find_target(written, OBJECTS).name == "Crab Nebula"


def test_galactic_position_makes_a_galactic_configuration():
    target = find_target("{frame: galactic, lon: 0 deg, lat: 0 deg}", OBJECTS)
    assert (round(target.ra, 3), round(target.dec, 3)) == (266.405, -28.936)
    assert _center(replace(SURVEY, target=target)) == {"frame": "galactic", "lon": "0 deg", "lat": "0 deg"}


def test_targets_that_cannot_be_are_told():
    with pytest.raises(ValueError, match="is no object of the store and no position"):
        find_target("{frame: galctic, lon: 0 deg, lat: 0 deg}", OBJECTS)
    assert find_target("05h34m32s +30d00m52s", OBJECTS).name == "source"
    with pytest.raises(ValueError, match="target 'Survey': its files tell no position; give one"):
        find_target("survey", OBJECTS)
    with pytest.raises(ValueError, match=r"Did you mean 'MSH 15-52'\? Objects of the store: Crab Nebula, MSH 15-52"):
        find_target("MSH 15-53", OBJECTS)
    with pytest.raises(ValueError, match="is no object of the store and no position"):
        find_target("", OBJECTS[:1])

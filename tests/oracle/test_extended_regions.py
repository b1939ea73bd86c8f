"""Extended on regions: spectra of H.E.S.S. runs equal those of gammapy 2.1, with responses at the center and averaged.

Recorded with record_extended_regions.py. A polygon, which gammapy does not take, is compared with a rectangle.
"""

import json
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.response_background import ResponseBackground
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation

RECORDED = json.loads(Path(__file__).with_name("extended_regions.json").read_text())
CENTER = "83.63 deg, 22.01 deg"
LONG = {"center": CENTER, "width": "0.5 deg", "height": "0.2 deg", "angle": "30 deg"}
REGIONS = {
    "circle": {"center": CENTER, "radius": "0.2 deg"},
    "ellipse": LONG,
    "rectangle": LONG,
    "annulus": {"center": CENTER, "inner_radius": "0.1 deg", "outer_radius": "0.3 deg"},
}


def plan(shape, use_region_center=True):
    return SpectrumPlan(
        on_region=parse_region({shape: REGIONS[shape]}),
        energy=Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=6),
        energy_true=Axis.from_energy_bounds("0.3 TeV", "40 TeV", nbin=10, name="energy_true"),
        background=ResponseBackground(),
        safe_mask=SafeMaskPlan(methods=()),
        use_region_center=use_region_center,
        region_pixel=0.1 * u.deg,  # the default of gammapy
    )


@pytest.fixture(scope="module")
def store(gammapy_data):
    return DataStore.open(gammapy_data / "hess-dl3-dr1")


@pytest.mark.parametrize("case", RECORDED)
def test_spectra_equal_those_of_gammapy(store, case):
    shape, run, center = case.split()
    expected = RECORDED[case]
    dataset = reduce_observation(store.observation(int(run)), plan(shape, center == "True"))
    assert dataset.counts.tolist() == expected["counts"]
    # solid angles of the pixels of gammapy are good to 1e-7, its logarithms of the background are float32
    np.testing.assert_allclose(dataset.exposure.to_value("m2 s"), expected["exposure"], rtol=1e-6)
    np.testing.assert_allclose(dataset.background, expected["background"], rtol=1e-5)
    np.testing.assert_allclose(dataset.edisp @ np.arange(1, 7), expected["edisp"], atol=1e-10)


@pytest.mark.parametrize("case", [case for case in RECORDED if case.endswith("True")])
def test_reflected_regions_equal_those_of_gammapy(store, case):
    shape, run, _ = case.split()
    dataset = reduce_observation(store.observation(int(run)), replace(plan(shape), background=ReflectedRegions()))
    assert set(dataset.acceptance_off) == {RECORDED[case]["n_off"]}
    assert dataset.counts_off.tolist() == RECORDED[case]["counts_off"]


def test_a_polygon_of_the_corners_of_a_rectangle_is_the_rectangle(store):
    rectangle = plan("rectangle", use_region_center=False)
    center = rectangle.on_region.center
    away, half = np.hypot(0.25, 0.1) * u.deg, np.rad2deg(np.arctan2(0.1, 0.25)) * u.deg
    # angles of regions count from longitude to north, position angles from north to longitude; longitude to the left
    corners = [center.directional_offset_by(-60 * u.deg + side, away) for side in (half, -half)]
    corners += [center.directional_offset_by(120 * u.deg + side, away) for side in (half, -half)]
    polygon = replace(rectangle, on_region=parse_region({"polygon": {"vertices": corners}}))
    ours, same = (reduce_observation(store.observation(23523), _) for _ in (polygon, rectangle))
    assert ours.counts.tolist() == same.counts.tolist()
    np.testing.assert_allclose(ours.exposure, same.exposure, rtol=1e-4)
    np.testing.assert_allclose(ours.background, same.background, rtol=2e-2)  # pixels cut by the edges


def test_smaller_pixels_tend_to_one_average(store):
    """Pixels of 0.1 deg err by 1e-3, those of 0.02 deg by 4e-5: the error falls with the square."""
    observation, coarse = store.observation(23559), plan("circle", use_region_center=False)
    sizes = (0.1, 0.02, 0.005)
    found = [reduce_observation(observation, replace(coarse, region_pixel=size * u.deg)).exposure for size in sizes]
    errors = [np.abs(exposure / found[-1] - 1).max() for exposure in found[:-1]]
    assert 1e-4 < errors[0] < 2e-3
    assert errors[1] < errors[0] / 5

"""On regions of every shape from the command line with averaged responses; what does not fit point-like ones."""

import shutil

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.cli.main import main
from gammapy_hli.engine.geom.region import region_solid_angle

CENTER = '"83.633 deg, 22.0145 deg"'
SHAPES = {
    "ellipse": f"{{ellipse: {{center: {CENTER}, width: 0.4 deg, height: 0.2 deg, angle: 30 deg}}}}",
    "rectangle": f"{{rectangle: {{center: {CENTER}, width: 0.3 deg, height: 0.2 deg, angle: 20 deg}}}}",
    "annulus": f"{{annulus: {{center: {CENTER}, inner_radius: 0.05 deg, outer_radius: 0.2 deg}}}}",
    "polygon": '{polygon: {vertices: ["83.5 deg, 21.9 deg", "83.8 deg, 21.9 deg", "83.65 deg, 22.15 deg"]}}',
    "ds9": "icrs;ellipse(83.633,22.0145,0.2,0.1,30)",
}
AVERAGED = ("--reduction.containment_correction", "false", "--reduction.use_region_center", "false")


@pytest.mark.parametrize(
    ("shape", "method"), [*((shape, "reflected") for shape in SHAPES), ("ellipse", "wobble"), ("annulus", "irf")]
)
def test_every_shape_runs_to_the_fit_with_averaged_responses(place, hli, shape, method):
    region = ("--reduction.on_region", SHAPES[shape], "--reduction.background.method", method)
    until = "fit" if shape == "ellipse" else "reduction"
    outcome = hli("run", "-c", "sim.yaml", "--selection.obs_ids", "1", "--until", until, *AVERAGED, *region)
    assert outcome.code == 0, outcome.err
    analysis = Analysis.read("out")
    for dataset in analysis.datasets:
        assert dataset.counts.sum() > 0
        if method != "irf":
            assert dataset.counts_off.sum() > 0
            areas = [region_solid_angle(region).to_value("deg2") for region in (dataset.region, *dataset.regions_off)]
            np.testing.assert_allclose(areas, areas[0], rtol=0.01)
    assert until == "reduction" or analysis.fit_result.success


def test_the_average_is_not_the_center_and_smaller_pixels_hardly_change_it(place, hli):
    exposures = []
    for options in (("--reduction.use_region_center", "true"), (), ("--reduction.region_pixel", "0.02 deg")):
        outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *AVERAGED[:2],
                      *(options or AVERAGED[2:]), *(AVERAGED[2:] if "pixel" in str(options) else ()),
                      "--reduction.on_region", f"{{circle: {{center: {CENTER}, radius: 0.4 deg}}}}",
                      "--reduction.background.method", "irf")  # fmt: skip
        assert outcome.code == 0, outcome.err
        exposures.append(Analysis.read("out").datasets[0].exposure.value)
    good = exposures[0] > 0
    assert np.abs(exposures[1] / exposures[0] - 1)[good].max() > 0.003
    np.testing.assert_allclose(exposures[1][good], exposures[2][good], rtol=1e-3)


@pytest.fixture(scope="module")
def point_like_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("point-like") / "store"
    options = ["--n_runs", "1", "--livetime", "5 min", "--enclosure", "point-like", "--rad_max", "0.11 deg"]
    assert main(["simulate", str(folder), *options]) == 0
    return folder


@pytest.fixture
def point_like(place, point_like_store):
    """``sim.yaml`` on a store with point-like responses of a cut of 0.11 deg."""
    shutil.rmtree("store")
    shutil.copytree(point_like_store, "store")
    (place / "sim.yaml").write_text((place / "sim.yaml").read_text().replace("obs_ids: [1, 2, 3]", "obs_ids: [1]"))
    return place


def test_a_circle_of_their_radius_fits_point_like_responses(point_like, hli):
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *AVERAGED[:2])
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["reduction.on_region", f"{{circle: {{center: {CENTER}, radius: 0.2 deg}}}}"],
         "made for a radius of 0.11 deg (RAD_MAX), the on region has 0.2 deg"),
        (["reduction.on_region", SHAPES["ellipse"]], "the on region is a EllipseSkyRegion; they hold for a point"),
        (["reduction.use_region_center", "false"], "set use_region_center to true"),
        (["reduction.containment_correction", "true"], "set containment_correction to false"),
        (["reduction.type", "map"], "maps need others"),
        (["reduction.type", "image"], "maps need others"),
    ],
)  # fmt: skip
def test_what_does_not_fit_point_like_responses_is_told(point_like, hli, options, words):
    place = ("--reduction.geometry.center", "83.633 deg, 22.0145 deg", "--reduction.geometry.width", "2 deg", "2 deg")
    geometry = (*place, "--reduction.background.method", "fov" if options[1] == "map" else "ring")
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *AVERAGED[:2], f"--{options[0]}",
                  options[1], *(geometry if options[0] == "reduction.type" else ()))  # fmt: skip
    assert outcome.code == 3, outcome.err
    assert words in outcome.err

"""The options of the exclusion on a map: what they exclude, and what is odd about them."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.components.exclusion import Exclusion
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

CENTER = SkyCoord(83.63, 22.01, unit="deg")
GEOMETRY = WcsGeometry.create(CENTER, 4 * u.deg, 0.1 * u.deg)
MODELS = """\
sources:
  star:
    spectral: {type: pl}
    spatial: {type: point, lon_0: 83.63 deg, lat_0: 22.01 deg}
  cloud:
    spectral: {type: pl}
    spatial: {type: disk, lon_0: 85 deg, lat_0: 22.01 deg, r_0: 0.3 deg}
"""


@pytest.fixture
def models(tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text(MODELS, encoding="utf-8")
    return str(path)


@pytest.fixture
def mask_file(tmp_path):
    def write(center=CENTER, width=8 * u.deg, regions=("icrs;circle(83.63,22.01,0.2)",), invert=False):
        mask = ExclusionMask.from_regions(list(regions), center, 0.05 * u.deg, width)
        mask = ExclusionMask(~mask.data, mask.wcs) if invert else mask
        mask.to_hdu().writeto(tmp_path / "mask.fits", overwrite=True)
        return str(tmp_path / "mask.fits")

    return write


def excluded_around(mask, ra, radius):
    """Whether just the pixels within a radius [deg] of a direction are excluded."""
    center = SkyCoord(ra, 22.01, unit="deg")
    offset = np.degrees(GEOMETRY.separation_from(center))
    inside, outside = offset < radius - 0.1, (offset > radius + 0.1) & (offset < radius + 0.3)
    on_map = mask.on(GEOMETRY)
    return not on_map[inside].any() and on_map[outside].all()


def test_sources_of_a_models_file_are_excluded_with_a_margin(models):
    mask = Exclusion(models=models, margin="0.25 deg").exclusion_on(GEOMETRY)
    assert excluded_around(mask, 83.63, 0.25)
    assert excluded_around(mask, 85, 1.1 * 0.3 * 1.01 + 0.25)


def test_named_sources_alone_are_excluded(models):
    mask = Exclusion(models=models, sources=["star"], margin="0.3 deg").exclusion_mask(CENTER)
    assert not mask.is_allowed(np.radians(83.63), np.radians(22.01))
    assert mask.is_allowed(np.radians(85), np.radians(22.01))


def test_wrong_source_is_a_located_problem(models):
    with pytest.raises(ConfigError, match=r"no source 'sta'.*Did you mean 'star'") as caught:
        Exclusion(models=models, sources=["sta"]).check_inputs()
    assert caught.value.problems[0].path == "sources"
    with pytest.raises(ConfigError, match="'star' is a point and the margin is 0 deg"):
        Exclusion(models=models, sources=["star"], margin="0 deg").check_inputs()


def test_mask_and_regions_beside_it_are_both_excluded(mask_file):
    path = mask_file(width=1 * u.deg)
    mask = Exclusion(mask=path, regions=["icrs;circle(84.7,22.01,0.2)"]).exclusion_mask(CENTER)
    assert not mask.is_allowed(np.radians(84.7), np.radians(22.01))  # off the image of the mask


def test_what_is_odd_on_a_map_is_told(mask_file):
    assert Exclusion(mask=mask_file()).check_map(GEOMETRY) == []
    (sentence,) = Exclusion(mask=mask_file(width=2 * u.deg)).check_map(GEOMETRY)
    assert "covers 25.0 % of the map of 4 x 4 deg around 83.63, 22.01 deg icrs" in sentence
    (sentence,) = Exclusion(mask=mask_file(regions=())).check_map(GEOMETRY)
    assert "mask.fits excludes no pixel of the map of 4 x 4 deg" in sentence
    (sentence,) = Exclusion(mask=mask_file(invert=True)).check_map(GEOMETRY)
    assert "mask.fits excludes 99.2 % of the map of 4 x 4 deg" in sentence
    assert "0 marks what is excluded" in sentence
    (sentence,) = Exclusion(regions=["icrs;circle(183.63,22.01,1)"]).check_map(GEOMETRY)
    assert "region icrs;circle(183.63,22.01,1) excludes no pixel" in sentence


def test_a_point_is_refused():
    with pytest.raises(ConfigError, match="a point excludes nothing; give a circle"):
        Exclusion(regions=["icrs;point(84,22.01)"]).check_inputs()


def test_regions_out_of_reach_of_the_projection_exclude_nothing(tmp_path):
    far, near = "icrs;circle(228.3,-59.1,0.4)", "icrs;circle(84,22.01,0.3)"
    tangent = WcsGeometry.create(CENTER, 4 * u.deg, 0.1 * u.deg, projection="TAN")
    (sentence,) = Exclusion(regions=[far]).check_map(tangent)
    assert f"region {far} excludes no pixel" in sentence
    (tmp_path / "sky.reg").write_text(f"{near}\n{far}\n".replace(";", "\n"))
    whole_sky = Exclusion(regions=[str(tmp_path / "sky.reg")])
    assert whole_sky.check_map(tangent) == []  # one list for all targets
    assert not whole_sky.exclusion_on(tangent).is_allowed(np.radians(84), np.radians(22.01))
    assert not whole_sky.exclusion_mask(CENTER).is_allowed(np.radians(84), np.radians(22.01))


def test_a_mask_of_another_sky_is_refused(mask_file):
    path = mask_file(SkyCoord(228.3, -59.1, unit="deg"), regions=())
    with pytest.raises(ConfigError, match=r"mask.fits covers no pixel of the map of 4 x 4 deg"):
        Exclusion(mask=path).check_map(GEOMETRY)


@pytest.mark.parametrize("name", ["regions", "models"])
def test_an_exclusion_of_all_is_refused(name, models):
    options = {"regions": ["icrs;circle(83.63,22.01,9)"]} if name == "regions" else {"margin": "9 deg"}
    with pytest.raises(ConfigError, match=r"all of the map of .* is excluded") as caught:
        Exclusion(**{"models": models, **options}).check_map(GEOMETRY)
    assert caught.value.problems[0].path == name


def problems(reduction):
    config = {
        "steps": ["selection", "reduction"],
        "selection": {"datastore": "store"},
        "reduction": {
            "type": "image",
            "geometry": {"center": "83.63 deg, 22.01 deg", "pixel": "0.05 deg"},
            "on_region": "icrs;circle(83.63,22.01,0.1)",
            **reduction,
        },
    }
    with pytest.raises(ConfigError) as caught:
        Analysis(config).check()
    return [problem.sentence for problem in caught.value.problems if problem.severity == "error"]


SEARCH = {"from_significance": {}}


@pytest.mark.parametrize(
    ("reduction", "words"),
    [
        (
            {"type": "spectrum", "background": {"exclusion": SEARCH}},
            ["reduction.background.exclusion.from_significance", "needs maps, but reduction.type is spectrum"],
        ),
        (
            {"background": {"method": "irf", "exclusion": SEARCH}},
            ["reduction.background.method irf (Python) leaves out none"],
        ),
        (
            {"background": {"method": "ring", "exclusion": {"from_significance": {"radius": "0.02 deg"}}}},
            ["from_significance.radius", "0.02 deg (Python) is below geometry.pixel 0.05 deg (Python)"],
        ),
        (
            {"background": {"method": "ring", "exclusion": {"from_significance": {"threshold_low": 7}}}},
            ["threshold_low", "7 (Python) is above threshold 5 (default)"],
        ),
        (
            {"background": {"method": "ring", "exclusion": {"sources": ["crab"]}}},
            ["exclusion.sources", "but models is null (default)"],
        ),
        (
            {
                "type": "map",
                "background": {
                    "method": "fov",
                    "fov": {"only_inside_mask": True},
                    "exclusion": {"mask": "m.fits", "regions": ["icrs;circle(1,2,1)"]},
                },
            },
            ["fov.only_inside_mask", "reduction.background.exclusion.regions is set too"],
        ),
        (
            {"type": "map", "background": {"method": "fov", "fov": {"only_inside_mask": True}}},
            ["fov.only_inside_mask", "but there is no mask"],
        ),
    ],
    ids=["spectrum", "no exclusion", "radius", "hysteresis", "no models", "mask and regions", "no mask"],
)
def test_options_that_conflict_name_both_places(reduction, words):
    (sentence,) = problems(reduction)
    for word in words:
        assert word in sentence

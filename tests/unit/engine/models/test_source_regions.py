"""Circles around the sources of a model."""

import astropy.units as u
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.models.source_regions import source_circles

SPECTRUM = {"type": "pl"}
MODELS = Models(
    [
        *parse_short(
            {
                "star": {"spectral": SPECTRUM, "spatial": {"type": "point", "lon_0": "10 deg", "lat_0": "20 deg"}},
                "cloud": {
                    "spectral": SPECTRUM,
                    "spatial": {
                        "type": "gauss",
                        "frame": "galactic",
                        "lon_0": "11 deg",
                        "lat_0": "20 deg",
                        "sigma": "0.2 deg",
                    },
                },
                "glow": {"spectral": SPECTRUM, "spatial": {"type": "const"}},
                "line": {"spectral": SPECTRUM},
            }
        ),
        FoVBackgroundModel("bkg"),
    ]
)


def test_radius_is_that_of_the_shape_and_the_margin():
    star, cloud = source_circles(MODELS, margin=0.3 * u.deg)
    assert star.radius.to_value("deg") == pytest.approx(0.3)
    assert cloud.radius.to_value("deg") == pytest.approx(5 * 0.2 + 0.3)
    assert (cloud.center.l.deg, cloud.center.b.deg) == pytest.approx((11, 20))


def test_names_choose_and_order():
    circles = source_circles(MODELS, ["cloud"])
    assert [circle.radius.to_value("deg") for circle in circles] == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["clod"], "no source 'clod'; the sources are star, cloud, glow, line. Did you mean 'cloud'?"),
        (["glow"], "'glow' .*fills the sky"),
        (["line"], "'line' has no spatial model"),
        (["star"], "'star' is a point and the margin is 0 deg"),
        (["bkg"], "no source 'bkg'"),
    ],
    ids=["misspelt", "everywhere", "nowhere", "radius 0", "background"],
)
def test_what_has_no_circle_is_told(names, words):
    with pytest.raises(InputError, match=words):
        source_circles(MODELS, names)


def test_models_without_a_place_exclude_nothing():
    with pytest.raises(InputError, match="no source with a position among line"):
        source_circles(MODELS.subset(["line"]))

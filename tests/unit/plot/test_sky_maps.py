"""Maps, distributions of significance and profiles can be drawn from the odd data that real analyses bring."""

from xml.etree import ElementTree

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.plot.profile import Profile, plot_profiles
from gammapy_hli.plot.significance import plot_significance
from gammapy_hli.plot.sky_map import (
    PALE,
    RISING,
    Mark,
    Overlay,
    diverging_scale,
    has_line,
    plot_sky_map,
    rising_scale,
    without_specks,
)
from gammapy_hli.plot.style import figure_svg, house_style

SHAPE = (20, 30)


def wcs_of(shape=SHAPE, frame="icrs", projection="CAR"):
    center = SkyCoord(83.6, 22.0, unit="deg").transform_to(frame)
    ny, nx = shape
    return WcsGeometry.create(center, (0.1 * nx, 0.1 * ny) * u.deg, 0.1 * u.deg, projection).to_wcs()


def svg(make, *args):
    with house_style():
        return figure_svg(make(*args), "test")


def noise(shape=SHAPE):
    return np.random.default_rng(1).normal(size=shape)


def draw(image, scale=None, overlay=None, **sky):
    return svg(plot_sky_map, wcs_of(image.shape, **sky), image, scale or rising_scale(image), "Counts", overlay)


@pytest.mark.parametrize(
    "image",
    [
        noise(),
        np.full(SHAPE, np.nan),
        np.zeros(SHAPE),
        np.where(noise() > 0, noise(), np.nan),
        noise() + 1e4 * (np.indices(SHAPE).sum(axis=0) == 20),
        np.full(SHAPE, -3.0),
        noise((1, 1)),
        noise((4, 60)),
        noise((60, 4)),
    ],
    ids=["noise", "all nan", "all zero", "half nan", "peak", "negative", "one pixel", "wide", "high"],
)
def test_maps_are_drawn(image):
    assert draw(image).startswith("<svg")
    assert draw(image, diverging_scale(image)).startswith("<svg")


@pytest.mark.parametrize(("frame", "words"), [("icrs", "Right ascension"), ("galactic", "Galactic longitude")])
@pytest.mark.parametrize("projection", ["CAR", "TAN"])
def test_coordinates_are_those_of_the_frame(frame, words, projection):
    with house_style():
        figure = plot_sky_map(wcs_of(frame=frame, projection=projection), noise(), rising_scale(noise()), "x")
    assert figure.axes[0].coords[0].get_axislabel() == words


def test_everything_on_top_is_drawn():
    circle = 3 * np.array([[np.cos(a) + 5, np.sin(a) + 3] for a in np.linspace(0, 6.28, 30)])
    overlay = Overlay(
        contours=5 * noise(),
        allowed=noise() < 1,
        marks=[Mark("a $x_{1$ <b>", 15.0, 9.0, circle), Mark("", 28.0, 3.0), Mark("far", 500.0, 500.0)],
        pointings=np.array([[3.0, 4.0]]),
        circle=2.0,
    )
    text = draw(noise(), overlay=overlay)
    ElementTree.fromstring(text)
    assert len(text) > len(draw(noise()))


@pytest.mark.parametrize("allowed", [np.ones(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=bool)], ids=["all", "nothing"])
def test_exclusion_of_nothing_or_everything_has_no_line(allowed):
    assert draw(noise(), overlay=Overlay(allowed=allowed)) == draw(noise())


def test_map_is_an_image_in_the_figure_and_equal_each_time():
    first, second = draw(noise((200, 200))), draw(noise((200, 200)))
    assert first == second
    assert "data:image/png;base64," in first
    assert len(first) < 4e5


def test_diverging_colors_are_white_at_zero_and_limited():
    scale = diverging_scale(np.array([-2.0, 40.0, np.nan]))
    assert (scale.low, scale.high) == (-10.0, 10.0)
    assert diverging_scale(np.array([0.1])).high == 5.0


def test_high_peak_is_stretched_so_that_the_faint_part_is_seen():
    peak = noise() + 1e3 * (np.indices(SHAPE).sum(axis=0) == 20)
    assert rising_scale(peak).width is not None
    assert rising_scale(noise()).width is None
    assert rising_scale(peak, PALE).width is None
    assert rising_scale(peak).colors == RISING


@pytest.mark.parametrize("off", [None, np.arange(60.0), np.zeros(60)], ids=["none", "some", "empty"])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (np.nan, np.nan)])
def test_distributions_are_drawn(off, mean, std):
    assert svg(plot_significance, np.linspace(-5, 40, 61), np.arange(60.0), off, mean, std).startswith("<svg")


@pytest.mark.parametrize("npred", [None, np.full(5, 2.0)], ids=["without model", "with model"])
@pytest.mark.parametrize("counts", [np.zeros(5), np.arange(5.0)], ids=["none", "some"])
def test_profiles_are_drawn(counts, npred):
    falling = Profile("Offset", np.linspace(1, -1, 6), counts, np.ones(5), npred)
    rising = Profile("Offset", np.linspace(-1, 1, 6), counts, np.ones(5), npred)
    with house_style():
        figure = plot_profiles([falling, rising])
    assert figure.axes[0].get_xlim() == (1, -1)  # longitude grows to the left, as on the sky
    assert svg(plot_profiles, [falling, rising]).startswith("<svg")


def test_lines_go_around_areas_and_not_around_single_pixels():
    image = np.zeros((20, 20))
    image[3, 3] = 9.0
    image[10:13, 10:13] = 6.0
    image[15, 0] = np.nan
    shown = without_specks(image, 5.0)
    assert shown[3, 3] < 5.0
    assert (shown[10:13, 10:13] == 6.0).all()
    assert without_specks(image, 8.0).max() < 8.0
    assert [has_line(image, level) for level in (5.0, 8.0, -5.0)] == [True, False, False]
    assert [has_line(-image, level) for level in (-5.0, -8.0, 5.0)] == [True, False, False]

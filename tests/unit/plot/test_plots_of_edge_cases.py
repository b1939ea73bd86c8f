"""Every figure can be drawn from the odd data that real analyses bring, and becomes clean SVG."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from gammapy_hli.plot.correlation import plot_correlation
from gammapy_hli.plot.counts import plot_counts
from gammapy_hli.plot.cumulative import plot_cumulative
from gammapy_hli.plot.sky import plot_sky
from gammapy_hli.plot.spectrum import plot_spectrum
from gammapy_hli.plot.style import figure_svg, house_style, label_with_power, new_figure, plain_label
from gammapy_hli.plot.theta2 import plot_theta2


def svg(make, *args, **kwargs):
    with house_style():
        return figure_svg(make(*args, **kwargs), "test")


def counts_figure(n=5, **changes):
    arrays = {
        "edges": np.geomspace(0.1, 10, n + 1),
        "counts": np.arange(n, dtype=float),
        "counts_unused": np.zeros(n),
        "background": np.full(n, 0.5),
        "npred": np.full(n, 2.0),
        "residuals": np.linspace(-1, 1, n),
        "used": np.ones(n, dtype=bool),
    }
    return {**arrays, **changes}


@pytest.mark.parametrize(
    "arrays",
    [
        counts_figure(),
        counts_figure(1),
        counts_figure(counts=np.zeros(5), npred=np.zeros(5), background=np.zeros(5)),
        counts_figure(used=np.zeros(5, dtype=bool), residuals=np.full(5, np.nan)),
        counts_figure(npred=np.full(5, np.nan), residuals=np.full(5, np.nan)),
        counts_figure(counts=np.full(5, 1e6), residuals=np.full(5, 50.0)),
    ],
    ids=["normal", "one bin", "no counts", "no bin used", "nan prediction", "many counts"],
)
def test_counts_are_drawn(arrays):
    assert svg(plot_counts, **arrays).startswith("<svg")


def points(n=4, **changes):
    energy = np.geomspace(0.5, 20, n)
    columns = {
        "energy": energy,
        "energy_min": energy / 1.2,
        "energy_max": energy * 1.2,
        "value": 1e-11 / energy,
        "errn": 1e-12 / energy,
        "errp": 2e-12 / energy,
        "ul": 5e-12 / energy,
        "is_ul": np.zeros(n, dtype=bool),
        "pull": np.linspace(-2, 2, n),
    }
    return {**columns, **changes}


def curve(label="fit", n=20, scale=1e-11):
    value = scale / np.geomspace(0.5, 20, n)
    return {
        "label": label,
        "energy": np.geomspace(0.5, 20, n),
        "value": value,
        "low": 0.5 * value,
        "high": 2 * value,
    }


NAN = np.full(4, np.nan)


@pytest.mark.parametrize(
    ("curves", "columns"),
    [
        ([curve()], points()),
        ([curve(), curve("stacked")], None),
        ([], points(1)),
        ([curve()], points(is_ul=np.ones(4, dtype=bool), value=np.zeros(4), errn=NAN, errp=NAN)),
        ([curve()], points(value=NAN, errn=NAN, errp=NAN, ul=NAN, pull=NAN)),
        ([curve(scale=np.nan)], points(errn=NAN)),
        ([curve(scale=0.0)], None),
        ([], None),
        ([{**curve(), "low": np.full(20, -1e-11)}], points(value=np.full(4, -1e-12))),
    ],
    ids=[
        "normal", "curves only", "one point", "all limits", "all nan", "nan curve", "zero curve", "nothing", "negative",
    ],
)  # fmt: skip
def test_spectra_are_drawn(curves, columns):
    assert svg(plot_spectrum, curves, columns).startswith("<svg")


def test_axis_of_a_spectrum_is_not_stretched_by_a_curve_that_falls_to_nothing():
    steep = {**curve(), "value": np.geomspace(1e-11, 1e-30, 20)}
    with house_style():
        figure = plot_spectrum([steep], points())
    assert figure.axes[0].get_ylim()[0] > 1e-14


@pytest.mark.parametrize("n", [0, 1, 3, 12])
def test_sky_is_drawn_for_any_number_of_runs(n):
    runs = [{"name": str(k), "pointings": [[0.5, 0.1 * k]], "off": np.full((k, 3), 0.2)} for k in range(n)]
    text = svg(plot_sky, (0.0, 0.0, 0.1), runs, (83.6, -22.0), lambda x, y: np.hypot(x, y) > 0.4)
    assert text.startswith("<svg")


def test_sky_has_east_on_the_left_and_equal_scales():
    with house_style():
        ax = plot_sky((0.0, 0.0, 0.1), [], (83.6, 22.0)).axes[0]
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize("sqrt_ts", [[1.0, 2.0], [-1.0, -2.0], [np.nan, np.nan]], ids=["rise", "deficit", "unknown"])
def test_growth_is_drawn(sqrt_ts):
    livetime, excess, error = np.array([0.5, 1.0]), np.array([-3.0, 4.0]), np.array([2.0, 3.0])
    assert svg(plot_cumulative, livetime, excess, error, np.array(sqrt_ts)).startswith("<svg")


def test_growth_of_nothing_is_drawn():
    assert svg(plot_cumulative, *[np.zeros(0)] * 4).startswith("<svg")


@pytest.mark.parametrize("cut", [None, 0.01])
def test_theta2_of_no_events_is_drawn(cut):
    assert svg(plot_theta2, np.linspace(0, 0.1, 6), *[np.zeros(5)] * 3, cut).startswith("<svg")


def test_correlations_without_an_error_are_drawn():
    matrix = np.array([[1.0, np.nan], [np.nan, 1.0]])
    assert svg(plot_correlation, ["a_long_parameter_name$", "b"], matrix).startswith("<svg")


def test_svg_is_the_same_each_time_and_well_formed():
    first, second = (svg(plot_spectrum, [curve()], points()) for _ in range(2))
    assert first == second
    ElementTree.fromstring(first)


def test_identifiers_of_a_figure_are_its_own_and_all_referred_to():
    text = svg(plot_spectrum, [curve()], points())
    known = set(re.findall(r' id="([^"]+)"', text))
    referred = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', text))
    assert known == referred
    assert all(name.startswith("test-") for name in known)


def test_user_text_is_no_formula():
    assert svg(plot_spectrum, [curve(plain_label("a $\\frac$ b"))], None).startswith("<svg")


def test_settings_of_the_caller_come_back():
    import matplotlib as mpl

    before = mpl.rcParams["font.size"]
    with house_style():
        pass
    assert mpl.rcParams["font.size"] == before


def test_correlations_have_no_negative_zero():
    figure = plot_correlation(["a", "b"], np.array([[1.0, -0.001], [-0.001, 1.0]]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00", "0.00", "0.00", "1.00"]


def test_the_power_of_ten_stands_in_the_label():
    figure = new_figure()
    axes = figure.subplots()
    axes.set_ylim(0, 2.5e-10)
    assert label_with_power([axes], "Flux", "cm⁻² s⁻¹") == "Flux [$10^{-10}$ cm⁻² s⁻¹]"
    assert axes.yaxis.get_major_formatter()(1.5e-10) == "1.5"
    axes.set_xlim(0, 2.5)
    assert label_with_power([axes], "Flux", "Jy", axis="x") == "Flux [Jy]"


@pytest.mark.parametrize("n", [2, 6, 12])
def test_numbers_of_a_correlation_stay_in_their_squares(n):
    figure = plot_correlation(["long.parameter"] * n, np.full((n, n), -0.12))
    axes = figure.axes[0]
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    side = abs(np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])[0])
    assert max(text.get_window_extent(renderer).width for text in axes.texts) < side

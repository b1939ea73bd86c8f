"""The plot of a light curve: one panel a band; points without numbers are left out."""

import numpy as np

from gammapy_hli.plot.light_curve import plot_light_curve
from gammapy_hli.plot.style import figure_svg, house_style


def test_a_panel_for_each_band_also_where_points_are_missing():
    value = np.array([[1e-11, 2e-11], [np.nan, 3e-11], [1e-12, np.nan]])
    curve = {
        "time_min": np.array([53945.1, 53945.2, 53945.3]),
        "time_max": np.array([53945.2, 53945.3, 53945.4]),
        "value": value,
        "errn": 0.1 * value,
        "errp": 0.1 * value,
        "ul": 2 * value,
        "is_ul": np.array([[False, False], [False, False], [True, False]]),
    }
    with house_style():
        figure = plot_light_curve(curve, ["0.5 to 2 TeV", "2 to 20 TeV"])
        assert len(figure.axes) == 2
        assert "<svg" in figure_svg(figure, "light-curve")

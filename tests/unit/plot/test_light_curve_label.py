"""The energies of a band stand in its panel, clear of its points."""

import numpy as np
import pytest

plt = pytest.importorskip("matplotlib.pyplot")


def test_label_stands_above_the_highest_point():
    from gammapy_hli.plot.light_curve import draw_band

    flux = np.array([3.0, 4.6])
    band = {
        "flux": flux,
        "errn": 0.1 * flux,
        "errp": 0.1 * flux,
        "ul": flux,
        "is_ul": np.zeros(2, bool),
        "mean": 4.0,
        "label": "1 to 10 TeV",
    }
    figure, panel = plt.subplots(figsize=(8, 3.2))
    draw_band(panel, np.array([1.0, 5.0]), np.array([0.1, 0.1]), band, 0)
    figure.canvas.draw()
    label = panel.texts[0].get_window_extent()
    top = panel.transData.transform((5.0, 1.1 * 4.6))[1]
    plt.close(figure)
    assert label.y0 > top

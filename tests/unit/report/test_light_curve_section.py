"""The light curve on the page: figures of odd bands, and the section with its table."""

import numpy as np
import pytest

from gammapy_hli.plot.light_curve import plot_light_curve
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.material import Material
from gammapy_hli.report.sections.light_curve import light_curve_section


def band(flux: list[float], is_ul: list[bool]) -> dict[str, object]:
    values = np.array(flux)
    return {
        "label": "1 to 20 TeV",
        "flux": values,
        "errn": 0.1 * values,
        "errp": 0.1 * values,
        "ul": 2 * np.abs(values),
        "is_ul": np.array(is_ul),
        "mean": np.nan if not len(flux) else float(np.nanmean(values)) if np.isfinite(values).any() else np.nan,
    }


@pytest.mark.parametrize(
    ("flux", "is_ul"),
    [([1.0, 2.0], [False, False]), ([1.0, np.nan], [True, False]), ([np.nan], [False]), ([3.0], [True])],
    ids=["points", "limit and gap", "nothing", "one limit"],
)
def test_any_light_curve_can_be_drawn(flux, is_ul):
    edges = 53945.0 + np.arange(len(flux) + 1) / 24
    figure = plot_light_curve(edges[:-1], edges[1:], [band(flux, is_ul)], "cm-2 s-1")
    assert figure_svg(figure, "test").startswith("<svg")


def test_page_without_light_curve_has_no_such_section():
    assert light_curve_section(Material()) is None

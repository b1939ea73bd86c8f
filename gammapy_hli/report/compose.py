"""From the material to the finished page."""

from collections.abc import Callable

from gammapy_hli.plot.style import house_style
from gammapy_hli.report.blocks import Page, Section
from gammapy_hli.report.material import Material
from gammapy_hli.report.page import Report, render_page
from gammapy_hli.report.sections import overview
from gammapy_hli.report.sections.counts import counts_section
from gammapy_hli.report.sections.field import field_section
from gammapy_hli.report.sections.fit import fit_section
from gammapy_hli.report.sections.light_curve import light_curve_section
from gammapy_hli.report.sections.maps import maps_section
from gammapy_hli.report.sections.recipe import recipe_section
from gammapy_hli.report.sections.runs import runs_section
from gammapy_hli.report.sections.sky import sky_section
from gammapy_hli.report.sections.spectrum import spectrum_section
from gammapy_hli.report.sections.trust import trust_section, trust_warnings

SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    maps_section,
    spectrum_section,
    light_curve_section,
    fit_section,
    counts_section,
    field_section,
    sky_section,
    runs_section,
    trust_section,
    recipe_section,
)
"""In the order of the page: the result first, then what it stands on."""


def make_report(material: Material) -> Report:
    """The report on whatever is there; equal material gives equal text."""
    with house_style():
        sections = [section for make in SECTIONS if (section := make(material)) is not None]
    page = Page(
        title=overview.title(material),
        kind=overview.kind(material),
        lead=overview.lead(material),
        tiles=overview.tiles(material),
        sections=sections,
        warnings=[*overview.warnings(material), *trust_warnings(sections)],
    )
    return Report(render_page(page))

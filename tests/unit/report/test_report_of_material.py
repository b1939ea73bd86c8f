"""Pages from every mixture of products: what must stand there, what must not, and that the page is sound."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

from gammapy_hli.base.leap_seconds import future_allowed
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.products.reduction import Reduction
from gammapy_hli.report.compose import make_report
from gammapy_hli.report.material import Material, Recipe, is_part, run_name
from gammapy_hli.report.sections.overview import dates

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Outline(HTMLParser):
    """Checks that tags close in order; collects headings, identifiers, links and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links, self.words = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values[key] for key in ("href", "src", "xlink:href") if key in values]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def outline(material):
    return Outline(make_report(material).html)


@pytest.fixture
def whole(products):
    return Material(
        observations={"selection": products.observations},
        reductions={"reduction": products.reduction},
        models={"model": products.models},
        fit_results={"fit": products.fit, "fit@stacked": products.stacked},
        flux_points={"flux_points": products.points},
        recipe=Recipe("config_version: 1\n", "config_version: 1\nfit: {}\n", ("selection", "fit", "report")),
    )


def test_whole_page_has_every_section(whole):
    page = outline(whole)
    anchors = {"spectrum", "fit", "counts", "sky", "runs", "trust", "again"}
    assert anchors <= set(page.ids)
    for words in ("significance", "joint fit", "stacked fit", "Li & Ma", "covariance is positive definite", "agree"):
        assert words in page.text


def test_page_tells_how_to_trace_its_numbers_back(whole):
    assert "gammapy-hli prov show result/fit gammapy-hli prov check result" in outline(whole).text


def test_page_is_one_file_with_identifiers_that_differ(whole):
    html = make_report(whole).html
    page = Outline(html)
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert "<script" not in html
    assert "url(http" not in html
    assert len(html.encode()) < 1.5e6


def test_equal_material_gives_equal_bytes(whole):
    assert make_report(whole).html == make_report(whole).html


def test_page_tells_no_clock_time(whole):
    assert not re.search(r"\d\d:\d\d:\d\d", make_report(whole).html)


def test_text_of_users_is_escaped(products):
    name = "<b>odd & $x_{1$</b>"
    model = parse_short({"x": {"spectral": {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1"}}})["x"]
    result = fit(products.reduction, Models([SkyModel(name, model.spectral)]))
    points = estimate_flux_points(list(products.reduction), result.models, name)
    info = products.reduction.info.copy()
    info["dropped"] = np.array(["", "<script>alert(1)</script>"])
    material = Material(
        reductions={"reduction": Reduction(products.reduction.datasets, info)},
        fit_results={"fit": result},
        flux_points={"flux_points": points},
        recipe=Recipe("a: <i>", "b: </pre>", ()),
    )
    html = make_report(material).html
    assert "<b>odd" not in html
    assert "<script>" not in html
    assert "<i>" not in html
    assert name in Outline(html).text


def test_nothing_at_all_is_still_a_page():
    assert "Nothing is reduced yet" in outline(Material()).text


def test_selection_alone(products):
    page = outline(Material(observations={"selection": products.observations}))
    assert "2 runs selected" in page.text
    assert "The store holds 3 runs; 1 of them was not asked for." in page.text
    assert "fit" not in page.ids


def test_reduction_alone_has_no_fit(products):
    page = outline(Material(reductions={"reduction": products.reduction}))
    assert {"sky", "runs", "trust"} <= set(page.ids)
    assert "fit" not in page.ids
    assert "spectrum" not in page.ids


def test_fit_without_flux_points_still_shows_the_curve(products):
    material = Material(reductions={"reduction": products.reduction}, fit_results={"fit": products.fit})
    page = outline(material)
    assert "Spectral energy distribution of crab" in page.text
    assert "Flux points of crab" not in page.text
    assert "Flux points scale" not in page.text


@pytest.mark.parametrize(
    ("starts", "text"),
    [
        ((), ""),
        (("2024-01-10T21:00:00",), ", 2024-01-10"),
        (("2024-01-10T21:00:00", "2044-01-12T23:50:00"), ", 2024-01-10 to 2044-01-13"),
    ],
)
def test_days_of_the_observations_in_utc(starts, text):
    datasets = []
    with future_allowed():
        for start in starts:
            time = Time(start, scale="utc")
            datasets.append(SimpleNamespace(gti=Gti.from_times(time, time + 20 * u.min)))
    assert dates([*datasets, SimpleNamespace(gti=None), SimpleNamespace(gti=Gti.empty())]) == text


def test_poor_fit_is_bad_at_both_ends_of_the_page(products):
    goodness = replace(products.fit.goodness, p_value=1e-20, warning="Few counts a bin.")
    poor = replace(products.fit, goodness=goodness)
    page = make_report(Material(reductions={"reduction": products.reduction}, fit_results={"fit": poor})).html
    head, _, end = page.partition('id="trust"')
    assert "describes the data poorly" in head
    assert re.search(r"1 of \d+ checks failed; see “How far to trust this”", head)
    assert re.search(r'<li class="bad">.*describes the counts poorly', end)


def test_fit_without_its_datasets(products):
    page = outline(Material(fit_results={"fit": products.fit}, flux_points={"flux_points": products.points}))
    assert "counts" not in page.ids
    assert "crab.spectral.index" in page.text


def test_failed_fit_is_a_warning_and_no_headline(products):
    failed = replace(
        products.fit,
        success=False,
        status="not converged",
        message="The limit of calls was reached.",
        covariance=np.zeros_like(products.fit.covariance),
    )
    material = Material(reductions={"reduction": products.reduction}, fit_results={"fit": failed})
    page = outline(material)
    assert "warnings" in page.ids
    assert "the values cannot be used (not converged)" in page.text
    assert "fit (not converged)" not in page.text.split("Warnings")[0]


def test_usable_fit_is_the_headline_where_another_failed(products):
    failed = replace(products.fit, success=False, status="not converged", message="No.")
    assert Material(fit_results={"fit": failed, "fit@b": products.stacked}).main_fit.step == "fit@b"


def test_parameter_at_its_limit_is_a_warning(products):
    rows = tuple(replace(p, max=p.value, error=0.0) if p.name.endswith("index") else p for p in products.fit.parameters)
    page = outline(Material(fit_results={"fit": replace(products.fit, parameters=rows)}))
    assert "crab.spectral.index stopped at its limit" in page.text


def test_dropped_run_stands_in_the_table_with_its_reason(products):
    info = products.reduction.info.copy()
    info["dropped"] = np.array(["", "no off region is left"])
    reduction = Reduction(products.reduction.datasets[:1], info)
    page = outline(Material(reductions={"reduction": reduction}))
    assert "not used: no off region is left" in page.text
    assert "Run 2 is not used" in page.text
    assert "1 of 2" in page.text


def test_points_that_all_failed(products):
    empty = np.zeros(len(products.points), dtype=bool)
    points = replace(products.points, success=empty, norm=np.full(len(empty), np.nan))
    material = Material(fit_results={"fit": products.fit}, flux_points={"flux_points": points})
    assert "No flux point of crab could be computed." in outline(material).text


def test_several_points_have_a_figure_each(products):
    material = Material(
        reductions={"reduction": products.reduction},
        fit_results={"fit": products.fit},
        flux_points={"flux_points": products.points, "flux_points@coarse": products.points},
    )
    assert make_report(material).html.count("Spectral energy distribution of crab") == 2


def test_truth_is_compared_by_parameters_where_the_type_agrees(products):
    truth = parse_short({"crab": {"spectral": {"type": "pl", "index": 2.4, "reference": "1 TeV"}}})
    text = outline(Material(fit_results={"fit": products.fit}, truth=truth)).text
    table = text.split("Simulated truth")[1]
    assert "crab.spectral.index" in table.split("flux, 1–10 TeV")[0]


def test_truth_is_compared_by_fluxes_where_the_reference_differs(products):
    truth = parse_short({"crab": {"spectral": {"type": "pl", "index": 2.4, "reference": "5 TeV"}}})
    text = outline(Material(fit_results={"fit": products.fit}, truth=truth)).text
    table = text.split("Simulated truth")[1].split("Correlations")[0]
    assert "flux, 1–10 TeV" in table
    assert "crab.spectral.index" not in table


def test_links_tell_which_fit_belongs_to_the_points(whole):
    linked = replace(whole, links={"flux_points": {"fit_result": ("fit@stacked",)}})
    assert linked.fit_of("flux_points").step == "fit@stacked"
    assert whole.fit_of("flux_points").step == "fit"


def test_parts_of_runs_are_not_taken_for_runs(products):
    info = products.reduction.info.copy()
    info["name"] = np.array(["1_0", "1_1"])
    datasets = [
        replace(dataset, name=name, meta={**dataset.meta, "OBS_ID": (1,)})
        for name, dataset in zip(("1_0", "1_1"), products.reduction.datasets, strict=True)
    ]
    material = Material(reductions={"reduction": Reduction(Datasets(datasets), info)})
    assert (material.n_runs, material.n_dropped, material.n_parts) == (1, 0, 2)
    page = outline(material)
    assert re.search(r"1 run of \S+ in 2 parts", page.text)
    assert "1 of 1" in page.text
    info["dropped"] = np.array(["", "no off region is left"])
    material = Material(reductions={"reduction": Reduction(Datasets(datasets[:1]), info)})
    assert (material.n_runs, material.n_dropped, material.n_parts) == (1, 0, 1)
    page = outline(material)
    assert "Part 1_1 is not used" in page.text
    assert "1 part of 2 could not be used" in page.text


@pytest.mark.parametrize(
    ("name", "run", "is_cut"),
    [
        ("47801_3", "47801", True),
        ("hess-47801_3", "47801", True),
        ("hess-47801", "47801", False),
        ("my_1", "my_1", False),
    ],
)
def test_names_of_parts_hold_the_run(name, run, is_cut):
    assert (run_name(name), is_part(name)) == (run, is_cut)

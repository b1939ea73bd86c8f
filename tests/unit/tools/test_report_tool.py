"""The report as a step: on chains of every length, and on its own."""

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store
from gammapy_hli.run.products import Several
from gammapy_hli.tools.report import ReportTool

SOURCE = {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1", "index": 2.4, "reference": "1 TeV"}
FULL = ["selection", "reduction", "model", "fit", "fit@stacked", "flux_points", "report"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    simulate_store(folder, SimulationPlan(parse_short({"crab": {"spectral": SOURCE}}), n_runs=2, seed=5))
    return folder


@pytest.fixture
def config(store):
    return {
        "general": {"store": False},
        "steps": FULL,
        "selection": {"datastore": str(store)},
        "reduction": {
            "on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.11 deg"}},
            "energy": {"min": "0.2 TeV", "max": "20 TeV", "per_decade": 5},
            "background": {"exclusion": {"regions": ["icrs;circle(83.633,23.2,0.2)"]}},
        },
        "model": {"sources": {"crab": {"spectral": SOURCE}}},
        "fit@stacked": {"stack": True},
        "flux_points": {"inputs": {"fit": "fit"}},
    }


def test_full_chain(config):
    html = Analysis(config).run().product_of("report").html
    for words in ("Joint fit", "Stacked fit", "Simulated truth", "excluded sky", "Flux points", "fit@stacked"):
        assert words in html


def test_two_output_folders_give_equal_bytes_without_their_names(config, tmp_path):
    pages = []
    for name in ("first-folder", "other-folder"):
        config["general"] = {"outdir": str(tmp_path / name)}
        Analysis(config).run()
        pages.append((tmp_path / name / "report" / "index.html").read_bytes())
    assert pages[0] == pages[1]
    assert b"first-folder" not in pages[0]


def test_configuration_of_the_page_makes_the_same_page(config, tmp_path):
    from gammapy_hli.report.configuration import make_recipe

    analysis = Analysis(config).run()
    recipe = make_recipe(analysis, tuple(FULL))
    (tmp_path / "analysis.yaml").write_text(recipe.as_set)
    again = Analysis(tmp_path / "analysis.yaml", {"general": {"store": False}})
    assert make_recipe(again, tuple(FULL)).in_force == recipe.in_force
    assert again.run().product_of("report").html == analysis.product_of("report").html


@pytest.mark.parametrize("n_steps", [1, 2, 4], ids=["selection", "reduction", "fit"])
def test_part_of_a_chain(config, n_steps):
    config["steps"] = [*FULL[:n_steps], "report"]
    for section in ("fit@stacked", "flux_points"):
        config.pop(section)
    html = Analysis(config).run().product_of("report").html
    assert ("Counts and model" in html) == (n_steps == 4)
    assert ("Detection" in html) == (n_steps >= 2)


def test_background_from_the_response_files_has_no_off_regions(config):
    config["steps"] = ["selection", "reduction", "report"]
    for section in ("fit@stacked", "flux_points", "model"):
        config.pop(section)
    config["reduction"]["background"] = {"method": "irf"}
    html = Analysis(config).run().product_of("report").html
    assert "there are no off regions" in html
    assert "N off" not in html
    assert "background taken from the response files" in html


def test_two_reductions(config):
    config["steps"] = ["selection", "reduction", "reduction@wide", "report"]
    for section in ("fit@stacked", "flux_points", "model"):
        config.pop(section)
    config["reduction@wide"] = {"on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.2 deg"}}}
    html = Analysis(config).run().product_of("report").html
    assert "Step reduction@wide" in html


def test_alone_with_products_given(config):
    analysis = Analysis(config).run(until="fit@stacked")
    fits = Several(["fit", "fit@stacked"], [analysis.fit_result, analysis.product_of("fit@stacked")])
    report = ReportTool().run(datasets=analysis.product_of("reduction"), fit_result=fits)
    assert "Stacked fit" in report.html
    assert "Make it again" not in report.html


def test_page_is_read_back(tmp_path):
    tool = ReportTool()
    report = tool.run()
    tool.write_product(report, tmp_path)
    assert tool.read_product(tmp_path) == report
    with pytest.raises(InputError, match=r"index\.html.*run the report again"):
        tool.read_product(tmp_path / "elsewhere")


def test_truth_file_is_an_input(config, store):
    analysis = Analysis(config).run(until="selection")
    files = analysis.report.input_files(observations=analysis.observations)
    assert files == [store / "truth.yaml"]


def test_maps_are_gathered_with_their_datasets(config):
    config["steps"] = ["selection", "reduction", "maps", "report"]
    for section in ("fit@stacked", "flux_points", "model"):
        config.pop(section)
    config["reduction"] = {
        "type": "map",
        "geometry": {"center": "83.633 deg, 22.0145 deg", "width": ["1 deg", "1 deg"], "pixel": "0.05 deg"},
        "energy": {"min": "0.5 TeV", "max": "10 TeV", "nbins": 3},
        "background": {"method": "irf", "exclusion": {"regions": ["icrs;circle(83.633,22.0145,0.25)"]}},
    }
    config["maps"] = {"correlation_radius": "0.12 deg"}
    analysis = Analysis(config).run()
    html = analysis.product_of("report").html
    for words in ("kept out of the background", "a disk of 0.12°", "Significance, contours at", "gammapy-hli-maps"):
        assert words in html
    alone = ReportTool().run(datasets=analysis.product_of("reduction"), maps=analysis.product_of("maps")).html
    assert "Significance, contours at" in alone
    assert "kept out of the background" in alone

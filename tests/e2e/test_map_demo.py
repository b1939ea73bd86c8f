"""``gammapy-hli demo map``: two simulated sources, from events to the page, within half a minute."""

import json
import math

import pytest
from astropy.io import fits

from gammapy_hli.analysis import Analysis
from gammapy_hli.cli.main import main
from gammapy_hli.engine.models.models_yaml import read_models
from gammapy_hli.engine.products.flux_points import FluxPoints

FREE = 9  # parameters of the two sources


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Folder of the demo, exit code and what it printed."""
    from contextlib import redirect_stdout
    from io import StringIO

    folder, text = tmp_path_factory.mktemp("demo") / "map", StringIO()
    with redirect_stdout(text):
        code = main(["demo", "map", "--quiet", "--outdir", str(folder)])
    return folder, code, text.getvalue()


def test_it_prints_true_and_fitted_values(demo):
    _, code, text = demo
    assert code == 0
    table = [line.split() for line in text.splitlines() if line.startswith(("pulsar.", "nebula."))]
    assert len(table) == FREE
    for name, true, fitted, error, pull in table:
        assert float(fitted) != float(true), name
        assert abs(float(pull)) < 4, name
        assert float(error) > 0, name


def test_the_fit_converges_and_finds_an_extension(demo):
    session = Analysis.read(demo[0] / "analysis")
    result = session.fit_result
    assert result.success
    sigma = result["nebula.spatial.sigma"]
    assert sigma.value / sigma.error > 10
    assert result["stacked-bkg.spectral.norm"].value == pytest.approx(1, abs=0.05)


def test_points_of_both_sources_are_detections(demo):
    points = demo[0] / "analysis"
    for path in ("flux_points/nebula.fits", "flux_points@pulsar/pulsar.fits"):
        assert max(FluxPoints.read(points / path).sqrt_ts) > 5, path


def test_maps_are_written(demo):
    folder = demo[0] / "analysis" / "maps"
    for name in ("counts", "excess", "significance", "ts"):
        with fits.open(folder / f"{name}.fits") as hdus:
            assert hdus[0].data.shape[-2:] == (100, 100)
    with fits.open(folder / "significance.fits") as hdus:
        assert hdus[0].data.max() > 10


def test_page_and_summary_are_there(demo):
    folder = demo[0] / "analysis"
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") > 5
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["reduction"]["n_datasets"] == 1
    assert math.isfinite(summary["fit"]["parameters"]["nebula.spatial.sigma"]["error"])


def test_truth_tells_where_the_sources_are(demo):
    truth = read_models(demo[0] / "store" / "truth.yaml")
    separation = truth["pulsar"].position.separation(truth["nebula"].position)
    assert separation.deg == pytest.approx(0.3)
    assert truth["nebula"].spatial.parameters["sigma"].value == 0.12


def test_second_call_has_nothing_to_do(demo, capsys):
    assert main(["demo", "map", "--outdir", str(demo[0])]) == 0
    told = capsys.readouterr()
    assert "the simulated store is there already" in told.err
    assert "runs (" not in told.err


def test_unknown_demo_is_told(capsys):
    assert main(["demo", "maps"]) == 2
    assert "there is no demo 'maps'. Did you mean 'map'?" in capsys.readouterr().err

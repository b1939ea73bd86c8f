"""``gammapy-hli init`` on real stores: what it writes runs as it is, and finds the known sources."""

import numpy as np
import pytest

from gammapy_hli import Analysis
from gammapy_hli.cli.main import main


@pytest.fixture
def proposed(gammapy_data, tmp_path, monkeypatch, capsys):
    """The analysis that is proposed for a store and a target, in memory, run up to a step; and what was told."""
    monkeypatch.chdir(tmp_path)

    def run(store, *words, until):
        assert main(["init", "--yes", "--datastore", f"$GAMMAPY_DATA/{store}", "-o", "made.yaml", *words]) == 0
        told = capsys.readouterr().err
        return Analysis("made.yaml", {"general.store": False}).run(until=until), told

    return run


def test_spectrum_of_the_crab_with_hess(proposed):
    analysis, told = proposed("hess-dl3-dr1", "--target", "crab", until="flux_points")
    assert "4 runs of HESS" in told
    assert analysis.reduction.background.method == "reflected"
    numbers = analysis.result.numbers
    assert numbers["reduction"]["n_dropped"] == 0
    assert numbers["reduction"]["sqrt_ts"] > 30
    parameters = {each.name.rpartition(".")[2]: each for each in analysis.fit_result.parameters}
    # published by the collaboration, A&A 457 (2006) 899: power law index 2.63, 3.45e-11 at 1 TeV; syst. 0.1 and 20 %
    assert parameters["index"].value == pytest.approx(2.63, abs=0.2)
    assert parameters["amplitude"].value == pytest.approx(3.45e-11, rel=0.35)


def test_point_like_runs_of_magic(proposed):
    analysis, told = proposed("magic/rad_max/data", "--model", "lp", until="fit")
    assert "2 runs of MAGIC, 0.7 h, at 0.40 deg from the pointing, point-like responses (aeff, edisp, rad_max)" in told
    assert analysis.reduction.background.method == "wobble"
    assert analysis.reduction.background.wobble.n_off == 3
    assert not analysis.reduction.containment_correction
    alpha = next(each for each in analysis.fit_result.parameters if each.name.endswith("alpha"))
    assert alpha.value == pytest.approx(2.5565196, abs=0.1)  # the best fit of R2


def test_image_of_msh_15_52(proposed):
    analysis, told = proposed("hess-dl3-dr1", "--target", "228.53 deg, -59.16 deg", "--type", "image", until="maps")
    assert "20 runs of HESS" in told
    assert np.nanmax(analysis.maps.product["significance"].data) > 15


def test_map_of_the_galactic_center_with_cta(proposed):
    words = ("--target", "266.4 deg, -29.0 deg", "--type", "map")
    analysis, told = proposed("cta-1dc/index/gps", *words, until="fit")
    assert "3 runs of CTA" in told
    assert analysis.fit_result.success
    index = next(each for each in analysis.fit_result.parameters if each.name.endswith("index"))
    assert 2 < index.value < 3


def test_survey_without_positions_asks_for_one(gammapy_data, capsys):
    assert main(["init", "--yes", "--datastore", str(gammapy_data / "cta-1dc/index/gps")]) == 2
    said = capsys.readouterr().err
    assert "--target is needed: a position; the files tell none for Galactic Plane Survey (4 runs); 3 of 4 runs" in said
    assert '--target "265.98 deg, -28.7' in said  # mean of three pointings


def test_a_folder_of_stores_names_them(gammapy_data, capsys):
    assert main(["init", "--yes", str(gammapy_data / "cta-1dc")]) == 3
    assert "cta-1dc is no data store, but there are some in it: " in (said := capsys.readouterr().err)
    assert str(gammapy_data / "cta-1dc/index/gps") in said

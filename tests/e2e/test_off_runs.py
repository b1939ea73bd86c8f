"""Off runs from the command line: a store with a source and one without, pairs by zenith, mistakes, files, resuming."""

import shutil

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.cli.main import main
from gammapy_hli.engine.models.build import make_spectral

TRUTH = {"amplitude": 3.85e-11, "alpha": 2.51, "beta": 0.24, "reference": 1.0}
OFF = """
  background:
    method: off-runs
    off_runs: {datastore: off, n_runs: 2}
"""


@pytest.fixture(scope="session")
def off_store(tmp_path_factory):
    """Four runs, 101 to 104, of an empty field at the zenith angle of the source."""
    folder = tmp_path_factory.mktemp("off") / "store"
    options = ["--n_runs", "4", "--livetime", "12 min", "--first_obs_id", "101", "--seed", "8"]
    nothing = ["--spectral.type", "pl", "--spectral.amplitude", "1e-20 cm-2 s-1 TeV-1"]
    assert main(["simulate", str(folder), *options, "--target", "40 deg, -20 deg", *nothing]) == 0
    return folder


@pytest.fixture
def paired(place, off_store):
    """``sim.yaml`` with the method off-runs."""
    (place / "off").symlink_to(off_store)
    text = (place / "sim.yaml").read_text()
    (place / "sim.yaml").write_text(text.replace("  safe_mask:", f"{OFF.strip(chr(10))}\n  safe_mask:"))
    return place


def test_pairs_give_a_background_and_the_flux_comes_back(paired, hli):
    outcome = hli("run", "-c", "sim.yaml", "--no-progress")
    assert outcome.code == 0, outcome.err
    analysis = Analysis.read("out")
    used = [str(dataset.meta["OFF_FROM"][0]).split()[1:] for dataset in analysis.datasets]
    assert sorted(number for numbers in used for number in numbers) == ["101", "102", "103", "104"]
    for dataset, numbers in zip(analysis.datasets, used, strict=True):
        np.testing.assert_allclose(dataset.acceptance_off, len(numbers) * 12 / 8, rtol=1e-6)
        np.testing.assert_allclose(dataset.acceptance, 1)
    models, truth = analysis.fit_result.models, make_spectral("lp", **TRUTH)
    found = models["crab"].spectral.integral(1 * u.TeV, 10 * u.TeV)
    error = models["crab"].spectral.integral_error(1 * u.TeV, 10 * u.TeV, models.covariance_of("crab"))
    assert abs(found - truth.integral(1 * u.TeV, 10 * u.TeV)) < 3 * error < 0.5 * found
    assert hli("run", "-c", "sim.yaml", "--no-progress").out.count("up to date") == 5
    assert hli("run", "-c", "out/config.yaml", "--no-progress").out.count("up to date") == 5


def test_a_changed_off_run_makes_the_reduction_run_again(paired, hli, off_store):
    assert hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress").code == 0
    again = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress",
                "--reduction.background.off_runs.obs_ids", "103", "104", "101")  # fmt: skip
    assert "reduction      done" in again.out
    names = {dataset.meta["OFF_FROM"][0] for dataset in Analysis.read("out").datasets}
    assert names == {"runs 101", "runs 103", "runs 104"}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["obs_ids", "999"], 3, "no run 999; nearest are 102, 103, 104"),
        (["runs", '{"1": 999}'], 3, "off_runs.runs"),
        (["runs", "{1: 101}"], 2, 'key 1 is not text. Put it in quotes: "1": ...'),
        (["runs", '{"one": 101}'], 2, "'one' is no run number"),
        (["columns", "{TARGET_NAME: nothing}"], 2, "is not a condition"),
        (["columns", "{OBS_ID: {min: 500}}"], 3, "none of 4 runs is selected"),
        (["datastore", "nowhere"], 3, "nowhere"),
        (["zenith_difference_max", "1 m"], 2, "convertible to deg"),
        (["normalization", "lifetime"], 2, "did you mean 'livetime'"),
    ],
)
def test_mistakes_are_told(paired, hli, options, code, words):
    name, value = options
    outcome = hli("run", "-c", "sim.yaml", "--no-progress", f"--reduction.background.off_runs.{name}", value)
    assert outcome.code == code, outcome.err
    assert words in outcome.err
    if code == 2 or name in ("obs_ids", "runs", "datastore"):
        assert not (paired / "out" / "selection").exists()


def test_off_runs_of_another_zenith_are_left_with_both_zeniths(paired, hli, tmp_path_factory):
    far = tmp_path_factory.mktemp("far") / "store"
    options = ["--n_runs", "1", "--livetime", "5 min", "--zenith", "50 deg", "--first_obs_id", "201"]
    assert main(["simulate", str(far), *options, "--target", "40 deg, -20 deg"]) == 0
    path = "--reduction.background.off_runs"
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", f"{path}.datastore", str(far))
    assert outcome.code == 3
    assert "nearest in zenith is 201 (zenith 20.0 deg and 50.0 deg)" in outcome.err
    given = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", f"{path}.datastore", str(far),
                f"{path}.runs", '{"1": 201, "2": 201, "3": 201}')  # fmt: skip
    assert given.code == 0
    assert "off run 201 of run 1: they differ in zenith by more than 5 deg (zenith 20.0 deg and 50.0 deg)" in given.err
    assert "serve several runs: 201" in given.err


def test_the_page_names_the_off_runs_and_those_that_are_shared(paired, hli):
    options = ("--reduction.background.off_runs.obs_ids", "101", "102", "--reduction.background.off_runs.reuse", "true")
    steps = ("--steps", "selection", "reduction", "report")
    assert hli("run", "-c", "sim.yaml", "--no-progress", *options, *steps).code == 0
    page = (paired / "out" / "report" / "index.html").read_text()
    for words in ("background measured in off runs", "Off runs", "101, 102", "there are no off regions in these fields",
                  "2 off runs in several datasets (101, 102)"):  # fmt: skip
        assert words in page


def test_the_name_of_the_method_is_told_as_it_is_written(paired, hli):
    outcome = hli("config", "check", "sim.yaml", "--reduction.background.method", "reflected")
    assert "Set method: off-runs." in outcome.err


def test_runs_of_the_same_store_are_told_from_those_that_conditions_leave_out(paired, hli):
    path = "--reduction.background.off_runs"
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", "--selection.obs_ids", "1", "2",
                  f"{path}.datastore", "null", f"{path}.columns", "{OBS_ID: {max: 2}}")  # fmt: skip
    assert outcome.code == 3
    assert "none of 3 runs is selected: 2 selected themselves; 1 by column OBS_ID. For example: OBS_ID 3" in outcome.err


def own_copy(place, off_store):
    """A store of off runs that may be spoiled; the path of the file of a run."""
    (place / "off").unlink()
    shutil.copytree(off_store, place / "off")
    return lambda number: place / "off" / "data" / f"sim_obs_id_{number:06d}.fits.gz"


def test_a_run_that_cannot_be_read_is_left_out_with_its_reason(paired, hli):
    (paired / "store" / "data" / "sim_obs_id_000002.fits.gz").write_bytes(b"")
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress")
    assert outcome.code == 4, outcome.err
    assert "run 2 is left out: " in outcome.err
    assert "sim_obs_id_000002.fits.gz: the file is empty (0 bytes)" in outcome.err
    assert sorted(dataset.name for dataset in Analysis.read("out").datasets) == ["1", "3"]


GIVEN = ("--reduction.background.off_runs.runs", '{"1": [101, 102], "2": [103, 101], "3": 104}')


@pytest.mark.parametrize("options", [(), GIVEN], ids=["found", "given"])
@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b""), lambda path: path.unlink()],
                         ids=["empty", "gone"])  # fmt: skip
def test_an_off_run_that_cannot_be_read_is_not_used_and_told(paired, hli, off_store, options, spoil):
    spoil(own_copy(paired, off_store)(103))
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *options)
    assert outcome.code == 0, outcome.err
    assert "off run 103 " in outcome.err
    assert "the file is empty (0 bytes)" in outcome.err or "no such file" in outcome.err
    used = [str(dataset.meta["OFF_FROM"][0]).split()[1:] for dataset in Analysis.read("out").datasets]
    assert {number for numbers in used for number in numbers} == {"101", "102", "104"}
    assert len(used) == 3


def test_an_off_run_that_breaks_off_behind_its_header_is_told_with_its_run(paired, hli, off_store):
    path = own_copy(paired, off_store)(101)
    path.write_bytes(path.read_bytes()[:-20000])
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *GIVEN)
    assert outcome.code == 0, outcome.err
    for number in (1, 2):
        assert f"run {number}: off runs that cannot be used: run 101: " in outcome.err
    used = {dataset.name: dataset.meta["OFF_FROM"][0] for dataset in Analysis.read("out").datasets}
    assert used == {"1": "runs 102", "2": "runs 103", "3": "runs 104"}


def test_selected_runs_do_not_serve_each_other_unless_they_are_named(paired, hli):
    path = "--reduction.background.off_runs"
    for options in (("datastore", "null"), ("datastore", "store")):
        outcome = hli(
            "run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", f"{path}.{options[0]}", options[1]
        )
        assert outcome.code == 3
        assert "off runs: all 3 runs of " in outcome.err
        assert "are selected themselves, none is left for the background. Give another store" in outcome.err
        assert "exclude_ids" not in outcome.err
    named = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", f"{path}.datastore", "null",
                f"{path}.obs_ids", "1", "2", "3")  # fmt: skip
    assert named.code == 0, named.err
    used = {dataset.name: dataset.meta["OFF_FROM"][0] for dataset in Analysis.read("out").datasets}
    assert sorted(used.values()) == ["runs 1", "runs 2", "runs 3"]
    assert all(off != f"runs {run}" for run, off in used.items())

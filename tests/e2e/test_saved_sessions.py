"""A session in any state is written and read back: same numbers to the last bit, same words, and it goes on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, FolderError
from gammapy_hli.engine.models.models_yaml import parse_short

CRAB = {"crab": {"spectral": {"type": "pl", "index": 2, "amplitude": "1e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}}}
POINT = {"type": "point", "lon_0": "83.633 deg", "lat_0": "22.0145 deg"}


@pytest.fixture(params=["memory", "disk"])
def session(request, finished_session, tmp_path, monkeypatch):
    """A new session with a light curve and a stacked fit besides, that keeps its products in memory or on disk."""
    monkeypatch.chdir(tmp_path)
    options = yaml.safe_load((finished_session / "sim.yaml").read_text())
    options["general"] = {"store": False} if request.param == "memory" else {"outdir": "mine"}
    options["steps"] = [*options["steps"], "fit@stacked", "light_curve"]
    options["fit@stacked"] = {"stack": True}
    options["light_curve"] = {"inputs": {"fit_result": "fit"}}
    options["flux_points"]["inputs"] = {"fit_result": "fit"}
    return Analysis(options)


def told(session):
    """What a session says of itself, without where it stands."""
    lines = repr(session).splitlines()
    return [line for line in lines if line.split()[:1] not in (["outdir"], ["store"], ["datastore"])]


STATES = {
    "nothing": None,
    "selection": "selection",
    "reduction": "reduction",
    "fit": "fit",
    "all": "light_curve",
}


@pytest.mark.parametrize("until", STATES.values(), ids=STATES)
def test_session_in_any_state_is_restored_and_goes_on(session, until, finished_session):
    if until is not None:
        session.run(until)
    done = len(session.wanted(until)) if until is not None else 0
    session.write("saved")
    restored = Analysis.read("saved")
    assert told(restored) == told(session)
    planned = restored.plan()
    assert planned.to_run == tuple(decision.step for decision in planned.decisions[done:])
    numbers = restored.run().result.numbers
    assert numbers == session.run().result.numbers
    wanted = json.loads((finished_session / "out" / "summary.json").read_text())
    assert {step: json.loads(json.dumps(numbers[step])) for step in wanted} == wanted


def test_products_are_the_same_to_the_last_bit(session):
    session.run()
    session.write("saved")
    restored = Analysis.read("saved")
    one, other = session.fit_result, restored.fit_result
    np.testing.assert_array_equal(one.covariance, other.covariance)
    assert [p.value for p in one.parameters] == [p.value for p in other.parameters]
    assert repr(one) == repr(other)
    for name, columns in {"flux_points": ("dnde", "dnde_err", "dnde_ul"), "light_curve": ("flux", "flux_ul")}.items():
        first, second = session.product_of(name), restored.product_of(name)
        for column in (*columns, "sqrt_ts"):
            np.testing.assert_array_equal(getattr(first, column), getattr(second, column), err_msg=column)
    theta = [p.value for p in one.parameters if not p.frozen]
    assert session.likelihood().stat(theta) == restored.likelihood().stat(theta)


def test_memory_and_disk_write_the_same_files(finished_session, tmp_path, products, monkeypatch):
    monkeypatch.chdir(finished_session)
    for store in (False, True):
        Analysis("sim.yaml", {"general": {"store": store, "outdir": str(tmp_path / "o")}}).run().write(
            tmp_path / str(store)
        )
    assert products(tmp_path / "False") == products(tmp_path / "True") == products("out")


def test_command_line_goes_on_with_a_session_of_python(session, hli):
    session.run("reduction").write("saved")
    outcome = hli("run", "--outdir", "saved", "--no-progress")
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines() if "up to date" in line] == ["selection", "reduction"]
    assert Analysis.read("saved").plan().to_run == ()
    assert hli("status", "--outdir", "saved").out.count("up to date") == 7


def test_session_of_the_command_line_is_copied_byte_for_byte(session, finished_session, products, tmp_path):
    opened = Analysis.read(finished_session / "out")
    opened.write("copy")
    assert products("copy") == products(finished_session / "out")
    again = Analysis.read("copy")
    assert again.plan().to_run == ()
    assert again.result is None
    assert again.fit_result.stat == opened.fit_result.stat
    again["flux_points.n_sigma_ul"] = 3
    assert again.run().result.executed == ("flux_points",)
    assert products("copy/fit") == products(finished_session / "out/fit")


def test_model_made_in_python_survives(session):
    models = parse_short({"crab": {"spectral": {**CRAB["crab"]["spectral"], "index": 2.2}}})
    session.run("reduction")
    session.set_models(models).optimise()
    session.write("saved")
    restored = Analysis.read("saved")
    assert restored.models.parameters["crab.spectral.index"].value == 2.2
    assert restored.fit_result.stat == session.fit_result.stat
    assert restored.run("fit").result.executed == ()
    assert restored.spectral_points().source == "crab"


def test_command_line_takes_the_model_that_was_made_in_python(session, hli, products):
    models = parse_short({"crab": {"spectral": {**CRAB["crab"]["spectral"], "index": 2.2}}})
    session.run("reduction")
    session.set_models(models).optimise()
    assert json.loads(session.write("saved").joinpath("summary.json").read_text())["fit"]["success"]
    assert [str(state).split(" (")[0] for state in session.status()[2:4]] == ["model: set in Python", "fit: up to date"]
    planned = hli("plan", "--outdir", "saved").out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in planned[:4]][2:] == ["use   set in Python", "skip  up to date"]
    before = products("saved/model")
    done = hli("run", "--outdir", "saved", "-q")
    assert done.code == 0
    assert "model          set in Python" in done.out
    assert products("saved/model") == before
    assert Analysis.read("saved").models.parameters["crab.spectral.index"].value == 2.2
    index = "--model.sources.crab.spectral.index"
    assert "its product was set in Python" in hli("plan", "--outdir", "saved", index, "2.5").out


def test_model_made_in_python_needs_no_other(session, hli):
    models = parse_short(CRAB)
    options = {**session.to_plain(only_set=True), "model": {}, "steps": ["selection", "reduction", "model", "fit"]}
    for name in ("flux_points", "light_curve", "fit@stacked"):
        del options[name]
    Analysis(options, {"general": {"store": True, "outdir": "other"}}).set_models(models)  # the first of all calls
    assert hli("plan", "--outdir", "other").code == 0
    assert hli("optimise", "--outdir", "other", "-q").code == 0
    assert Analysis.read("other").fit_result.success


def test_page_does_not_depend_on_who_goes_on(session, hli, products):
    session.steps = [*session.steps, "report"]
    session.run("fit").write("here")
    shutil.copytree("here", "there")
    Analysis.read("here").run()
    assert hli("run", "--outdir", "there", "-q").code == 0
    assert products("here") == products("there")
    assert "tolerance: 0.1  # default" in Path("there/config.yaml").read_text()


def test_options_of_steps_that_do_not_run_and_of_empty_sections_are_kept(session, hli):
    more = {"fit@other": {"stack": True}, "light_curve@lomb": {"periodogram": {}}, "light_curve.intervals": "nights"}
    more["steps"] = ["selection", "reduction", "model", "fit", "light_curve@lomb"]
    session = Analysis(session.to_plain(only_set=True), more)
    session.write("saved")
    restored = Analysis.read("saved")
    before, after = session.to_plain(only_set=True), restored.to_plain(only_set=True)
    assert {**after, "general": None} == {**before, "general": None}
    assert restored["light_curve@lomb"].periodogram is not None
    assert told(restored) == told(session)  # labelled sections in the order of the steps
    done = hli("run", "--outdir", "saved", "--until", "selection", "-q", "--strict")
    assert (done.code, done.err) == (0, "")


def test_options_that_were_changed_since_are_out_of_date_in_both(session):
    session.run("fit")
    session["reduction.energy.min"] = "0.3 TeV"
    session.write("saved")
    restored = Analysis.read("saved")
    assert restored.plan().to_run == session.plan().to_run
    assert restored["reduction.energy.min"] == session["reduction.energy.min"]
    assert "reduction.energy.min changed 0.1 TeV -> 0.3 TeV" in restored.plan()["reduction"].reason


def test_session_replaces_the_one_that_is_there(session):
    session.run().write("saved")
    again = Analysis(session.to_plain(only_set=True), {"general.store": False, "general.outdir": "x"})
    again.run("selection").write("saved")
    assert Path("saved/selection/manifest.json").is_file()
    assert not Path("saved/fit").exists()
    assert Analysis.read("saved").plan().to_run[0] == "reduction"


def test_nothing_of_a_session_that_was_replaced_is_left(session, finished_session, hli):
    session.run().write("saved")
    assert Path("saved/fit@stacked/fit.yaml").is_file()
    other = Analysis(finished_session / "sim.yaml", {"general.store": False})
    other.run("reduction").write("saved")
    assert sorted(path.parent.name for path in Path("saved").glob("*/manifest.json")) == ["reduction", "selection"]
    assert hli("prov", "check", "saved").code == 0
    assert not Path("saved/.items").exists()
    assert not Path("saved/history.jsonl").exists()


def test_files_of_the_user_stay_in_folders_that_have_names_of_steps(session):
    for name in ("maps/mine.fits", "fit/notes.txt", "selection/more/notes.txt"):
        Path("thesis", name).parent.mkdir(parents=True)
        Path("thesis", name).write_text("precious")
    session.run("selection").write("thesis", overwrite=True)
    Analysis(session.to_plain(only_set=True), {"general.store": False}).write("thesis")
    assert not Path("thesis/selection/manifest.json").exists()
    found = [path for path in Path("thesis").glob("*/**/*") if path.is_file()]
    assert [path.read_text() for path in found] == ["precious"] * 3


def test_outdir_itself_is_brought_up_to_date(finished_session, tmp_path, monkeypatch):
    monkeypatch.chdir(finished_session)
    session = Analysis("sim.yaml", {"general": {"outdir": str(tmp_path / "o")}}).run("selection")
    session["fit.tolerance"] = 0.3
    session.write(tmp_path / "o")
    restored = Analysis.read(tmp_path / "o")
    assert restored.fit.tolerance == 0.3
    assert restored.plan().to_run[0] == "reduction"


def test_options_that_could_not_be_read_again_are_not_written(session):
    session.run("selection").write("saved")
    session.flux_points.energy = {"min": "100 TeV", "max": "200 TeV", "nbins": 2}
    with pytest.raises(ConfigError, match="lies outside of the energies of reduction"):
        session.write("saved")
    assert Analysis.read("saved").plan().to_run[0] == "reduction"


def test_foreign_and_locked_folders_are_refused(session, tmp_path):
    from gammapy_hli.run.lock import FolderLock

    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("")
    with pytest.raises(FolderError, match=r"chapter\.tex"):
        session.write("thesis")
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.tex"]
    session.write("thesis", overwrite=True)
    assert Path("thesis/chapter.tex").is_file()
    with FolderLock("thesis"), pytest.raises(FolderError, match="in use by process"):
        session.write("thesis", overwrite=True)


def test_defaults_of_another_version_are_kept(finished_session, tmp_path, monkeypatch):
    """What a session says to be a default holds, although the default is another one by now."""
    monkeypatch.chdir(tmp_path)
    Analysis(finished_session / "sim.yaml").write("saved")
    path = Path("saved/config.yaml")
    text = path.read_text()
    assert "  tolerance: 0.1  # default" in text
    path.write_text(text.replace("  tolerance: 0.1  # default", "  tolerance: 0.7  # default"))
    assert Analysis.read("saved").fit.tolerance == 0.7


def test_maps_survive(simulated_store, tmp_path, monkeypatch, products):
    monkeypatch.chdir(tmp_path)
    center = "83.633 deg, 22.0145 deg"
    options = {
        "general": {"store": False},
        "steps": ["selection", "reduction", "model", "fit", "maps"],
        "selection": {"datastore": str(simulated_store), "required_irfs": ["aeff", "edisp", "psf", "bkg"]},
        "reduction": {
            "type": "map",
            "geometry": {"center": center, "width": ["3 deg", "3 deg"], "pixel": "0.1 deg"},
            "energy": {"min": "0.5 TeV", "max": "20 TeV", "nbins": 3},
            "energy_true": {"min": "0.3 TeV", "max": "40 TeV", "nbins": 5},
            "background": {"method": "fov"},
            "safe_mask": {"methods": ["offset-max"], "offset_max": "2.5 deg"},
        },
        "model": {
            "sources": {
                "crab": {**CRAB["crab"], "spatial": {"type": "point", "lon_0": "83.633 deg", "lat_0": "22.0145 deg"}}
            }
        },
        "maps": {"products": ["excess", "significance", "residual", "peaks"]},
    }
    session = Analysis(options).run()
    session.write("saved")
    restored = Analysis.read("saved")
    assert restored.plan().to_run == ()
    first, second = session.product_of("maps"), restored.product_of("maps")
    assert list(first.maps) == list(second.maps)
    assert second.peaks.meta == first.peaks.meta
    for name in first.maps:
        np.testing.assert_array_equal(first.maps[name].data, second.maps[name].data, err_msg=name)
    np.testing.assert_array_equal(session.fit_result.covariance, restored.fit_result.covariance)
    before = products("saved")
    restored.run(force=True)
    assert products("saved") == before

"""``gammapy-hli init``: what it proposes fits the store, and what it writes runs as it is."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gammapy_hli import Analysis

LAST = {"spectrum": "flux_points", "light-curve": "light_curve", "image": "maps", "map": "maps"}


@pytest.fixture
def here(tmp_path, simulated_store, monkeypatch):
    """A fresh working directory beside the store."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "store").symlink_to(simulated_store)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.parametrize("kind", LAST)
def test_proposed_configuration_runs_as_it_is(here, hli, kind):
    made = hli("init", "--yes", "--type", kind)
    assert made.code == 0
    assert made.out == f"crab-{kind}.yaml is written. Run it with: gammapy-hli run -c crab-{kind}.yaml\n"
    assert "3 runs of SIM-IACT, 0.4 h, at 0.50 deg from the pointing, full-enclosure responses" in made.err
    assert hli("config", "check", f"crab-{kind}.yaml", "--strict", "--inputs").code == 0
    ran = hli("run", "-c", f"crab-{kind}.yaml", "-q", "--until", LAST[kind])
    assert ran.code == 0
    assert ran.err == ""
    analysis = Analysis.read(f"crab-{kind}")
    if kind != "image":
        parameters = {each.name: each for each in analysis.fit_result.parameters}
        amplitude = parameters["crab.spectral.amplitude"]
        assert amplitude.value == pytest.approx(3.85e-11, abs=5 * amplitude.error)


def test_answers_on_the_command_line_stand_in_the_file(here, hli):
    words = ("--on-radius", "0.15 deg", "--background", "wobble", "--energy-min", "300 GeV", "--energy-max", "20 TeV")
    words += ("--model", "lp", "--safe-mask", "aeff-max", "-o", "mine.yaml", "--outdir", "there", "--yes")
    assert hli("init", "--datastore", "store", "--target", "83.633 deg, 22.0145 deg", *words).code == 0
    analysis = Analysis("mine.yaml")
    assert str(analysis.general.outdir) == "there"
    assert analysis.reduction.on_region.spec["circle"]["radius"] == "0.15 deg"
    assert analysis.reduction.background.method == "wobble"
    assert analysis.reduction.energy.min.to_value("TeV") == 0.3
    assert analysis.model.sources["crab"].spectral.type == "lp"
    assert analysis.reduction.safe_mask.methods == ("aeff-max",)
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert "room for off regions" not in text  # the reason of a proposal that was not taken


def test_options_of_the_configuration_go_into_the_file(here, hli):
    words = ("--reduction.energy.per_decade", "5", "--fit.stack", "--selection.zenith_max", "45 deg")
    assert hli("init", "store", "--yes", "-o", "mine.yaml", *words).code == 0
    analysis = Analysis("mine.yaml")
    assert (analysis.reduction.energy.per_decade, analysis.fit.stack) == (5, True)
    assert analysis.selection.stored("zenith_max") == "45 deg"
    refused = hli("init", "store", "--yes", "-o", "other.yaml", "--fit.stak")
    assert refused.code == 2
    assert "unknown key 'fit.stak'. Did you mean 'stack'?" in refused.err
    assert not Path("other.yaml").exists()


def test_every_answer_that_is_missing_is_named_where_nobody_can_be_asked(here, hli):
    refused = hli("init", "--target", "crab", "--type", "map")
    assert refused.code == 2
    assert "no terminal to ask on, and no answer to --datastore, --width, --background, --energy-min" in refused.err
    assert "--yes" in refused.err
    assert [path.name for path in here.iterdir()] == ["store"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--target", "crap"),
            "--target: target 'crap' is no object of the store and no position. Did you mean 'crab'?",
        ),
        (("--target", "0 deg, 0 deg"), "--target: no run at source (0.0000 deg, 0.0000 deg)"),
        (
            ("--datastore", "stor"),
            "--datastore: stor: no such folder; a data store is one with hdu-index.fits.gz. Did you mean 'store'?",
        ),
        (("--type", "spectrm"), "--type: 'spectrm' is not allowed. Did you mean 'spectrum'?"),
        (("--type", "map", "--background", "reflected"), "--background: 'reflected' is not allowed. Allowed: fov, irf"),
        (("--on-radius", "0.1"), "--on-radius: 0.1 has no unit"),
        (("--on-radius", "1 TeV"), "--on-radius: '1 TeV' has unit TeV (energy)"),
        (
            ("--energy-min", "9 TeV", "--energy-max", "5 TeV"),
            "--energy-max: 5 TeV is not above 9 TeV",
        ),
        (("-o", "nowhere/a.yaml"), "there is no folder nowhere"),
        (("--modle", "pl"), "unknown option '--modle'. Did you mean '--model'?"),
    ],
)
def test_wrong_answers_are_exit_2_and_missing_inputs_exit_3_and_nothing_is_written(here, hli, words, message):
    refused = hli("init", "--yes", *words)
    assert refused.code == (3 if "no such folder" in message or "no run at" in message else 2)
    assert message in refused.err
    assert [path.name for path in here.iterdir()] == ["store"]


def test_file_that_is_there_is_kept_unless_allowed(here, hli):
    Path("crab-spectrum.yaml").write_text("mine\n", encoding="utf-8")
    refused = hli("init", "--yes")
    assert refused.code == 2
    assert "crab-spectrum.yaml is there already; choose another name, or allow it with --overwrite" in refused.err
    assert Path("crab-spectrum.yaml").read_text(encoding="utf-8") == "mine\n"
    assert hli("init", "--yes", "--overwrite").code == 0
    assert "steps:" in Path("crab-spectrum.yaml").read_text(encoding="utf-8")


def test_point_like_responses_and_runs_on_the_source_get_what_fits_them(tmp_path, hli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = ("--n_runs", "1", "--livetime", "2 min")
    assert hli("simulate", "narrow", "--enclosure", "point-like", "--rad_max", "0.12 deg", *few).code == 0
    assert hli("init", "--yes", "--datastore", "narrow", "-o", "narrow.yaml").code == 0
    analysis = Analysis("narrow.yaml")
    assert str(analysis.general.outdir) == "narrow-analysis"  # narrow is the store
    assert analysis.reduction.on_region.spec["circle"]["radius"] == "0.12 deg"
    assert not analysis.reduction.containment_correction
    assert (
        "type map: the responses are point-like" in hli("init", "--yes", "--datastore", "narrow", "--type", "map").err
    )
    assert hli("simulate", "centered", "--offset", "0 deg", *few).code == 0
    assert hli("init", "--yes", "--datastore", "centered", "-o", "centered.yaml").code == 0
    assert Analysis("centered.yaml").reduction.background.method == "irf"
    for name in ("narrow", "centered"):
        assert hli("run", "-c", f"{name}.yaml", "-q", "--until", "reduction").code == 0


def test_store_without_observation_index_and_with_a_lost_file(tmp_path, simulated_store, hli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(simulated_store, "store")
    (index,) = Path("store").glob("obs-index*")
    index.unlink()
    sorted(Path("store").rglob("*000001*"))[0].unlink()
    made = hli("init", "store", "--yes")
    assert made.code == 0
    assert "crab (2)" in made.err
    assert "2 runs of SIM-IACT" in made.err
    Path("empty").mkdir()
    refused = hli("init", "empty", "--yes")
    assert refused.code == 3
    assert "empty: no hdu-index.fits.gz or hdu-index.fits" in refused.err


def test_questions_on_a_terminal_are_asked_until_the_answer_is_right(here):
    """A person who types: a wrong name, an empty line for each proposal, a wrong background, a file name."""
    answers = ["", "crap", "crab", "", "", "rng", "wobble", "", "", "", "", "typed.yaml"]
    told, code = typed([sys.executable, "-m", "gammapy_hli", "init"], answers)
    assert code == 0, told
    assert "[store] > " in told
    assert "is no object of the store and no position. Did you mean 'crab'?" in told
    assert "'rng' is not allowed." in told
    assert "typed.yaml is written" in told
    assert Analysis("typed.yaml").reduction.background.method == "wobble"


def test_questions_that_are_left_leave_no_file(here):
    told, code = typed([sys.executable, "-m", "gammapy_hli", "init"], ["", "\x04"])
    assert code == 2, told
    assert "nothing is written" in told
    assert [path.name for path in here.iterdir()] == ["store"]


def test_ctrl_c_leaves_and_says_so(here, hli, monkeypatch):
    def interrupted(asker):
        raise KeyboardInterrupt

    monkeypatch.setattr("gammapy_hli.cli.init._look", interrupted)
    left = hli("init", "--yes")
    assert left.code == 130
    assert left.err.strip() == "left; nothing is written"
    assert [path.name for path in here.iterdir()] == ["store"]


def typed(command, answers):
    """What a command shows on a terminal when these lines are typed, one for each question; and its exit code."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    shown, waiting, end = "", list(answers), time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.1)
        try:
            piece = os.read(master, 4096).decode() if ready else ""
        except OSError:  # the other end is closed
            break
        shown += piece
        if waiting and shown.endswith("> "):
            line = waiting.pop(0)
            os.write(master, line.encode() if line == "\x04" else f"{line}\n".encode())
            shown += "\n"
    os.close(master)
    return shown, process.wait(timeout=30)

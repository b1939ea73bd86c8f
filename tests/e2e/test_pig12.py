"""The workflow that PIG 12 describes, followed literally; its commands from a configuration, a saved state, and both.

"User workflow" of docs/development/pigs/pig-012-examples.ipynb in gammapy's repository: make a folder, dump the
configuration with all lines commented out, fill in what you care about, do the slow parts in a terminal or in Python,
write and recover the state at any stage, go on.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gammapy_hli import Analysis
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import TextSource
from gammapy_hli.core.template import template

EDITS = {
    "#selection:": "selection:",
    "#  datastore: null": "  datastore: ../store",
    "#reduction:": "reduction:",
    "#  on_region: null": '  on_region: {circle: {center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}',
    "#model:": "model:",
    "#  sources: {}": "  sources: {source_42: {spectral: {type: pl, amplitude: 1e-11 cm-2 s-1 TeV-1}}}",
}
"""What the user changes in the template, by whole lines: takes comment signs away and sets values."""


def gammapy_hli(*words):
    """A command in a process of its own, as in a terminal; what it prints."""
    command = [sys.executable, "-m", "gammapy_hli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def edited(template):
    """The template with the edits of the user; each line must be there, the first one of its kind counts."""
    lines = template.splitlines()
    begin = lines.index("#model:")
    for old, new in EDITS.items():
        at = lines.index(old, begin if old == "#  sources: {}" else 0)
        lines[at] = new
    return "\n".join(lines) + "\n"


@pytest.fixture
def analysis99(tmp_path, simulated_store, monkeypatch):
    """``mkdir analysis99; cd analysis99``, with a data store beside it."""
    (tmp_path / "store").symlink_to(simulated_store)
    (tmp_path / "analysis99").mkdir()
    monkeypatch.chdir(tmp_path / "analysis99")
    return tmp_path / "analysis99"


def test_workflow_of_pig_12(analysis99, products):
    # $ gammapy-hli config > config.yaml        and edit it
    Path("config.yaml").write_text(edited(gammapy_hli("config")), encoding="utf-8")

    # $ ipython
    analysis = Analysis("config.yaml")
    analysis.select_observations()
    analysis.reduce_data()  # often slow, can be hours
    assert len(analysis.datasets) == 3
    analysis.write()
    del analysis

    analysis = Analysis.read()  # recover the state after data reduction
    analysis.set_models({"source_42": {"spectral": {"type": "pl", "index": 2.5}}})
    analysis.optimise()  # often slow, can be hours
    analysis.write()
    stat = analysis.fit_result.stat
    del analysis

    # the supervisor comes in and asks about something
    analysis = Analysis.read("analysis")
    assert analysis.fit_result.stat == stat
    sed = analysis.spectral_points("source_42", energy={"min": "1 TeV", "max": "10 TeV", "nbins": 4})
    assert len(sed.dnde) == 4
    assert analysis.fit_result.models["source_42"].spectral.parameters["index"].value != 2.5

    # and go on in the terminal, without a configuration: from the saved state alone
    assert "flux_points: up to date" in gammapy_hli("status")
    before = products("analysis")
    assert "report         done" in gammapy_hli("run", "-q")
    after = products("analysis")
    assert {name: after[name] for name in before} == before


def test_slow_parts_in_the_terminal_then_python(analysis99, products):
    """``gammapy analysis data_reduction`` and ``gammapy analysis optimise`` before going to ipython."""
    Path("config.yaml").write_text(edited(gammapy_hli("config")), encoding="utf-8")
    said = " ".join(gammapy_hli("data_reduction", "-c", "config.yaml", "-q").split())
    assert "reduction done 3 datasets" in said
    gammapy_hli("optimise", "-q")
    analysis = Analysis.read()
    assert analysis.run(until="fit").result.executed == ()
    in_python = Analysis("config.yaml", {"general.outdir": "python"})
    in_python.select_observations().reduce_data()
    in_python.run(until="fit")
    made, wanted = products("python"), products("analysis")
    assert made == wanted


def test_session_in_memory_is_saved_when_asked(analysis99):
    Path("config.yaml").write_text(edited(gammapy_hli("config")), encoding="utf-8")
    analysis = Analysis("config.yaml", {"general.store": False})
    analysis.select_observations().reduce_data()
    assert not Path("analysis").exists()
    analysis.write("saved")
    assert "fit" in gammapy_hli("optimise", "--outdir", "saved", "-q")
    assert Analysis.read("saved").fit_result.success


def executed(outcome):
    assert outcome.code == 0, outcome.err
    return [line.split()[0] for line in outcome.out.splitlines() if " done" in line]


UP_TO = {"data-reduction": ["selection", "reduction"], "optimise": ["selection", "reduction", "model", "fit"]}


@pytest.mark.parametrize("command", UP_TO)
def test_command_works_from_a_configuration_alone(place, hli, products, finished_session, command):
    assert executed(hli(command, "-c", "sim.yaml")) == UP_TO[command]
    made, wanted = products("out"), products(finished_session / "out")
    del made["summary.json"]  # of the steps so far
    assert made.items() <= wanted.items()
    assert {name.partition("/")[0] for name in made} == set(UP_TO[command])


@pytest.mark.parametrize("command", UP_TO)
def test_command_works_from_saved_state_alone(session, hli, products, command):
    wanted = products("out")
    Path("sim.yaml").unlink()
    assert executed(hli(command, "--outdir", "out")) == []
    shutil.rmtree(Path("out") / UP_TO[command][-1])
    assert executed(hli(command, "--outdir", "out")) == UP_TO[command][-1:]
    assert products("out") == wanted


@pytest.mark.parametrize("command", UP_TO)
def test_command_works_from_both(session, hli, command):
    """The configuration says what is wanted, the state what is there: only what changed is done."""
    text = Path("sim.yaml").read_text(encoding="utf-8")
    assert executed(hli(command, "-c", "sim.yaml", "--outdir", "out")) == []
    Path("sim.yaml").write_text(text.replace("aeff_percent: 10", "aeff_percent: 20"), encoding="utf-8")
    changed = hli(command, "-c", "sim.yaml", "--outdir", "out")
    assert executed(changed) == [step for step in UP_TO[command] if step in ("reduction", "fit")]
    assert "reduction.safe_mask.aeff_percent changed 10 -> 20 (sim.yaml:" in changed.err


def test_command_without_either_says_what_is_missing(place, hli):
    refused = hli("optimise")
    assert refused.code == 2
    assert "no configuration: give -c FILE (analysis/config.yaml is not there either)" in refused.err


def test_config_dumps_every_option_commented_out_alone(hli):
    lines = hli("config").out.splitlines()
    assert all(line.startswith("#") or not line for line in lines)


def test_config_from_a_configuration_from_a_state_and_from_both(session, hli):
    """The template, with what the file or the session sets made active."""
    wanted = Analysis("sim.yaml")
    alone = hli("config", "-c", "sim.yaml").out
    assert "\n  energy:\n" in alone
    assert "\n#  stack: false" in alone
    found = resolve(Analysis, [TextSource(alone)]).build()
    assert found.to_plain(only_set=True) == wanted.to_plain(only_set=True)
    state = hli("config", "--outdir", "out").out
    assert resolve(Analysis, [TextSource(state)]).build().to_plain() == Analysis.read("out").to_plain()
    both = hli("config", "-c", "sim.yaml", "--outdir", "elsewhere", "--fit.stack").out
    assert "\n  outdir: elsewhere" in both
    assert "\n  stack: true" in both


@pytest.mark.parametrize("action", ["show", "check", "to-script", "to-notebook"])
def test_actions_of_config_take_the_session_of_a_folder(session, hli, action):
    Path("sim.yaml").unlink()
    outcome = hli("config", action, "--outdir", "out")
    assert outcome.code == 0
    assert "out/config.yaml" in outcome.out or "crab" in outcome.out


def test_edits_of_the_workflow_set_three_options():
    found = resolve(Analysis, [TextSource(edited(template(Analysis)))], complete=True).build()
    plain = found.to_plain(only_set=True)
    assert {section: list(options) for section, options in plain.items()} == {
        "selection": ["datastore"],
        "reduction": ["on_region"],
        "model": ["sources"],
    }

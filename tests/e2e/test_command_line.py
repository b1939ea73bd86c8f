"""The commands on a small simulated store: what runs, what is skipped, what is said, and the exit codes."""

import json
import logging
from pathlib import Path

import pytest
import yaml

RUN = ("run", "-c", "sim.yaml", "--no-progress")


def executed(outcome):
    """Names of the steps that ran, from the lines of results."""
    return [line.split()[0] for line in outcome.out.splitlines() if " done" in line]


def test_run_makes_every_product_that_the_design_names(session):
    out = session / "out"
    for name in (
        *("config.yaml", "summary.json", "provenance.json", "log.txt", "selection/observations.ecsv"),
        *("reduction/datasets.yaml", "reduction/info.ecsv", "model/models.yaml", "fit/models.yaml", "fit/fit.yaml"),
        *("fit/covariance.dat", "flux_points/crab.fits", "flux_points/crab.ecsv"),
    ):
        assert (out / name).is_file(), name
    summary = json.loads((out / "summary.json").read_text())
    assert summary["selection"]["n_observations"] == 3
    assert summary["reduction"]["n_datasets"] == 3
    assert summary["fit"]["success"]
    assert yaml.safe_load((out / "fit" / "fit.yaml").read_text())["parameters"][0]["name"] == "crab.spectral.index"


def test_second_run_executes_no_step_and_touches_no_product(session, hli, all_states):
    before = all_states("out")
    outcome = hli(*RUN)
    after = all_states("out")
    assert outcome.code == 0
    assert executed(outcome) == []
    assert outcome.out.count("up to date") == 5
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed <= {"log.txt", ".hashes.json"}


def test_changed_option_runs_its_step_and_those_behind_and_plan_says_why(session, hli):
    planned = hli("plan", "-c", "sim.yaml", "--reduction.energy.min", "0.3 TeV")
    assert "reduction.energy.min changed 0.1 TeV -> 0.3 TeV (command line (--reduction.energy.min))" in planned.out
    outcome = hli(*RUN, "--reduction.energy.min", "0.3 TeV")
    assert executed(outcome) == ["reduction", "fit", "flux_points"]
    assert "reduction.energy.min changed 0.1 TeV -> 0.3 TeV" in outcome.err


def test_changed_option_of_the_last_step_runs_that_step_only(session, hli):
    assert executed(hli(*RUN, "--flux_points.n_sigma_ul", "3")) == ["flux_points"]


def test_plan_names_file_line_and_column_of_a_changed_option(session, hli):
    text = Path("sim.yaml").read_text().replace("aeff_percent: 10", "aeff_percent: 15")
    Path("sim.yaml").write_text(text)
    assert "reduction.safe_mask.aeff_percent changed 10 -> 15 (sim.yaml:11:" in hli("plan", "-c", "sim.yaml").out


def test_option_written_in_another_unit_changes_nothing(session, hli):
    assert executed(hli(*RUN, "--reduction.energy.min", "100 GeV")) == []


def test_options_on_how_the_work_is_done_change_nothing(session, hli):
    assert executed(hli(*RUN, "--general.log_level", "warning", "--n-jobs", "1")) == []


def test_added_run_reduces_that_run_only(session, hli):
    assert executed(hli(*RUN, "--selection.obs_ids", "1", "2", "--outdir", "two")) == [
        *("selection", "reduction", "model", "fit", "flux_points")
    ]
    outcome = hli(*RUN, "--outdir", "two")
    assert executed(outcome) == ["selection", "reduction", "fit", "flux_points"]


def test_plan_and_status_write_nothing(session, hli, all_states):
    before = all_states(".")
    assert hli("plan", "--outdir", "out").code == 0
    state = hli("status", "--outdir", "out")
    assert state.code == 0
    assert state.out.count("up to date") == 5
    assert hli("status", "-c", "sim.yaml", "--outdir", "nowhere").out.count("never run") == 5
    assert all_states(".") == before
    assert not Path("nowhere").exists()


def test_dry_run_shows_the_plan_and_makes_nothing(place, hli):
    outcome = hli(*RUN, "--dry-run")
    assert outcome.code == 0
    assert outcome.out.count("never run") == 5
    assert not Path("out").exists()


@pytest.mark.parametrize("command", [("plan",), ("run", "--dry-run")])
def test_plan_tells_what_has_no_effect_as_run_does(command, session, hli):
    planned = hli(*command, "-c", "sim.yaml", "--light_curve.source", "crab")
    assert planned.code == 0
    assert "section 'light_curve' is set, but 'light_curve' is not in steps" in planned.err


def test_step_alone_without_its_predecessor_is_exit_3_and_names_it(place, hli):
    outcome = hli("fit", "-c", "sim.yaml")
    assert outcome.code == 3
    assert "needs the product of 'reduction', which has not run" in outcome.err
    assert not Path("out").exists()


def test_steps_alone_one_after_the_other_make_the_products_of_run(place, hli, products, finished_session):
    for command in ("selection", "reduction", "model", "fit", "flux-points"):
        first = ("-c", "sim.yaml") if command == "selection" else ("--outdir", "out")
        assert hli(command, *first, "-q").code == 0, command
    made, wanted = products("out"), products(finished_session / "out")
    assert made == wanted


def test_step_alone_takes_options_relative_to_it_and_the_configuration_of_the_folder(session, hli):
    outcome = hli("fit", "--outdir", "out", "--tolerance", "0.5", "--stack")
    assert outcome.code == 0
    assert executed(outcome) == ["fit"]
    assert "fit.stack changed false -> true (command line (--stack))" in outcome.err
    back = hli("fit", "--outdir", "out", "--no-stack")
    assert "fit.stack changed true -> false" in back.err


def test_label_makes_a_second_instance_beside_the_first(session, hli, products):
    before = products("out/fit")
    outcome = hli("fit", "--outdir", "out", "--label", "stacked", "--stack")
    assert outcome.code == 0
    assert executed(outcome) == ["fit@stacked"]
    assert products("out/fit") == before
    assert (session / "out" / "fit@stacked" / "fit.yaml").is_file()
    assert "fit@stacked" in json.loads((session / "out" / "summary.json").read_text())
    again = hli("fit", "--outdir", "out", "--label", "stacked")
    assert executed(again) == []


def test_data_reduction_and_optimise_run_everything_up_to_their_step(place, hli):
    assert executed(hli("data-reduction", "-c", "sim.yaml")) == ["selection", "reduction"]
    assert executed(hli("optimise", "--outdir", "out")) == ["model", "fit"]


def test_until_and_only(place, hli):
    assert executed(hli(*RUN, "--until", "reduction")) == ["selection", "reduction"]
    assert executed(hli(*RUN, "--only", "model")) == ["model"]
    outcome = hli(*RUN, "--only", "flux_points")
    assert outcome.code == 3
    assert "needs the product of 'fit', which has not run" in outcome.err
    assert executed(hli(*RUN, "--only", "fit", "flux_points")) == ["fit", "flux_points"]


def test_from_takes_what_comes_before_as_it_is(session, hli):
    change = ("--reduction.energy.min", "0.3 TeV")
    assert executed(hli(*RUN, "--from", "flux-points", *change)) == []
    assert executed(hli(*RUN, "--from", "model", "--until", "fit", "--fit.tolerance", "0.2")) == ["fit"]
    planned = hli("plan", "-c", "sim.yaml", "--from", "fit", "--fit.tolerance", "0.2", *change).out.splitlines()
    assert [line.split()[1] for line in planned] == ["use", "use", "use", "skip", "run"]
    assert executed(hli(*RUN, "--from", "fit", "--only", "fit", "model", *change)) == ["fit"]


def test_option_of_a_step_that_is_taken_as_it_is_is_told_to_change_nothing(session, hli):
    said = "warning: --fit.tolerance changes nothing here: fit is not asked for, its product is taken as it is"
    assert said in hli("run", "-c", "sim.yaml", "--only", "flux_points", "--fit.tolerance", "0.01").err
    assert said in hli("run", "-c", "sim.yaml", "--from", "flux_points", "--fit.tolerance", "0.01").err
    for words in (("optimise", "--fit.tolerance", "0.3"), ("data-reduction", "--fit.tolerance", "0.3")):
        assert "changes nothing" not in hli(*words, "-c", "sim.yaml").err


def test_from_without_what_comes_before_is_exit_3(place, hli):
    outcome = hli(*RUN, "--from", "fit")
    assert outcome.code == 3
    assert "step 'fit' needs the product of 'reduction', which has not run" in outcome.err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "fitt"), "'fitt' is not one of the steps. Did you mean 'fit'?"),
        (
            ("--from", "fit", "--until", "reduction"),
            "command line: 'fit', the first step to run, comes after 'reduction', the last one. Steps: selection",
        ),
        (("--fit.energy_range", "{min: 1 TeV, max: 10 TeV}"), "is not a list; write [1 TeV, 10 TeV]"),
        (("--fit.energy_range", "{lowest: 1 TeV}"), "is not a list; expected two increasing quantities in TeV"),
    ],
    ids=["unknown", "order", "mapping", "half a mapping"],
)
def test_part_that_makes_no_sense_is_exit_2(session, hli, words, said):
    for command in ("run", "plan"):
        outcome = hli(command, "-c", "sim.yaml", *words)
        assert outcome.code == 2
        assert said in outcome.err


def test_comment_in_the_configuration_changes_nothing(session, hli):
    text = Path("sim.yaml").read_text()
    Path("sim.yaml").write_text("# note\n\n" + text.replace("steps:", "steps:  # all\n ") + "# end\n")
    assert executed(hli(*RUN)) == []
    assert hli("status", "-c", "sim.yaml").out.count("up to date") == 5


def test_force_runs_what_is_up_to_date(session, hli, products):
    before = products("out")
    assert executed(hli(*RUN, "--force", "model")) == ["model"]
    assert executed(hli(*RUN, "--force")) == ["selection", "reduction", "model", "fit", "flux_points"]
    assert products("out") == before


@pytest.mark.parametrize("flag", ["--until", "--only", "--force"])
def test_unknown_step_is_exit_2_with_a_suggestion(place, hli, flag):
    outcome = hli(*RUN, flag, "modle")
    assert outcome.code == 2
    assert "'modle' is not one of the steps. Did you mean 'model'?" in outcome.err


def test_later_files_win_over_earlier_and_the_command_line_over_both(session, hli):
    Path("b.yaml").write_text("fit: {tolerance: 0.3, strategy: 2}\n")
    Path("c.yaml").write_text("fit: {tolerance: 0.4}\n")
    shown = hli("config", "show", "sim.yaml", "b.yaml", "c.yaml", "--changed", "--fit.strategy", "0").out
    assert "fit.tolerance: 0.4  # c.yaml:1:18" in shown
    assert "fit.strategy: 0  # command line (--fit.strategy)" in shown
    planned = hli("plan", "-c", "sim.yaml", "-c", "b.yaml", "-c", "c.yaml").out
    assert "fit.tolerance changed 0.1 -> 0.4 (c.yaml:1:18)" in planned


def test_lists_take_all_words_and_negative_values_need_no_quotes(session, hli):
    words = ("--selection.obs_ids", "1", "3", "--model.sources.crab.spectral.index", "-1")
    shown = hli("config", "show", "sim.yaml", "--changed", *words).out
    assert "selection.obs_ids: [1, 3]" in shown
    assert "model.sources.crab.spectral.index: -1" in shown
    center = ("--selection.cone.center", "05h34m32s -30d13m32s")
    shown = hli("config", "show", "sim.yaml", "--changed", *center).out
    assert "-30d13m32s" in shown or "lat: -30.22" in shown
    wrong = hli("config", "show", "sim.yaml", "--fit.tolerance", "-1")
    assert "command line (--fit.tolerance): -1 is out of range; expected a number, > 0" in wrong.err


def test_value_without_its_quotes_says_how_to_write_it(place, hli):
    outcome = hli(*RUN, "--reduction.energy.min", "0.3", "TeV")
    assert outcome.code == 2
    assert 'got 0.3 TeV; expected one value: a quantity in TeV (energy), > 0 TeV. Put it in quotes: "0.3 TeV".' in (
        outcome.err
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--dry-rn",), "Did you mean '--dry-run'?"),
        (("--unitl", "fit"), "Did you mean '--until'?"),
        (("sim.yaml",), "A configuration is given with -c: -c sim.yaml"),
        (("-x",), "unknown flag '-x'"),
        (("--strategy", "1"), "Did you mean 'fit.strategy'?"),
        (("--fit.tolerance",), "got nothing; expected one value"),
        (("--n-jobs", "0"), "general.n_jobs: 0 is out of range"),
    ],
)
def test_misuse_is_exit_2_with_a_hint(place, hli, words, hint):
    outcome = hli(*RUN, *words)
    assert outcome.code == 2
    assert hint in outcome.err
    assert outcome.out == ""


def test_unknown_command_is_exit_2_with_a_suggestion(hli):
    outcome = hli("rnu")
    assert outcome.code == 2
    assert "unknown command 'rnu'. Did you mean 'run'?" in outcome.err


def test_results_go_to_stdout_and_all_else_to_stderr(place, hli):
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction")
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["selection", "reduction", "results"]
    assert "reduction: runs (never run)" in outcome.err
    assert "reduction: 3/3 (100 %" in outcome.err
    assert "\x1b[" not in outcome.out + outcome.err


def test_quiet_tells_results_only_and_log_txt_tells_all(place, hli):
    outcome = hli("run", "-c", "sim.yaml", "--until", "model", "-q")
    assert outcome.err == ""
    assert "results in out" in outcome.out
    assert "reduction: runs (never run)" in (place / "out" / "log.txt").read_text()


def test_log_file_gets_what_is_told(place, hli):
    assert hli(*RUN, "--until", "model", "-q", "--log-file", "mine.txt").code == 0
    assert "reduction: done in" in Path("mine.txt").read_text()


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere/log.txt", "there is no folder nowhere"), ("sim.yaml", "is also the input")]
)
def test_log_file_that_cannot_be_is_exit_2(place, hli, name, message):
    before = (place / "sim.yaml").read_bytes()
    outcome = hli(*RUN, "--log-file", name)
    assert outcome.code == 2
    assert message in outcome.err
    assert (place / "sim.yaml").read_bytes() == before


def test_logging_is_left_as_it_was(session, hli):
    root, ours = logging.getLogger(), logging.getLogger("gammapy_hli")
    before = (root.level, ours.level, list(root.handlers))
    hli(*RUN, "--only", "model")
    assert (root.level, ours.level, list(root.handlers)) == before


def test_nothing_is_stored_where_store_is_false(place, hli):
    outcome = hli(*RUN, "--no-general.store")
    assert outcome.code == 0
    assert "crab: 5 points" in outcome.out
    assert sorted(path.name for path in place.iterdir()) == ["sim.yaml", "store"]


def test_fit_that_does_not_converge_is_exit_4_and_says_so(session, hli):
    twin = "{type: pl, amplitude: 1e-11 cm-2 s-1 TeV-1, index: 2, reference: 1 TeV}"
    Path("twin.yaml").write_text(f"model: {{sources: {{twin: {{spectral: {twin}}}}}}}\n")
    outcome = hli(*RUN, "-c", "twin.yaml", "--until", "fit")
    assert outcome.code == 4
    assert "the fit cannot be used" in outcome.out


def test_configuration_written_beside_the_products_runs_as_it_stands(place, hli):
    hli(*RUN)
    assert executed(hli("run", "--outdir", "out")) == []
    assert executed(hli("run", "-c", "out/config.yaml")) == []
    assert hli("config", "check", "out/config.yaml").code == 0


def test_report_alone_shows_what_is_there(session, hli):
    outcome = hli("report", "--outdir", "out")
    assert outcome.code == 0, outcome.err
    page = (session / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "crab" in page
    assert 'src="http' not in page


def test_part_of_the_chain_needs_only_its_own_options(place, hli):
    text = Path("sim.yaml").read_text()
    Path("sim.yaml").write_text(text[: text.index("model:")])
    assert executed(hli("data-reduction", "-c", "sim.yaml")) == ["selection", "reduction"]
    outcome = hli(*RUN)
    assert outcome.code == 2
    assert "model.sources: no source" in outcome.err

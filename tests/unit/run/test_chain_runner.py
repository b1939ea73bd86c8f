"""Chains of fake tools: what runs, what is skipped and why, and what is left after failures."""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gammapy_hli import __version__
from gammapy_hli.base.errors import (
    FolderError,
    InputError,
    MissingStepError,
    NothingSelectedError,
    StepError,
    Terminated,
)
from gammapy_hli.base.file_record import read_record
from gammapy_hli.run.chain_runner import chain_status, plan_chain, run_chain
from gammapy_hli.run.context import RunContext
from gammapy_hli.run.lock import FolderLock
from gammapy_hli.run.manifest import read_manifest
from gammapy_hli.run.products import ProductStore
from gammapy_hli.run.step import Option, Step
from gammapy_hli.run.wish import Wish


class Join:
    """Joins its option and its inputs to a text."""

    recipe_version = 1

    def __init__(self, word, flag=None):
        self.word = word
        self.flag = flag
        self.runs = 0
        self.reads = 0
        self.error = None
        self.write_error = None

    def run(self, context, **inputs):
        self.runs += 1
        if self.error is not None:
            raise self.error
        if self.flag:
            context.flag(self.flag)
        texts = [text for value in inputs.values() for text in (value if isinstance(value, tuple) else (value,))]
        return "+".join([*texts, self.word])

    def write_product(self, product, folder):
        (folder / "a.txt").write_text(product)
        if self.write_error is not None:
            raise self.write_error
        (folder / "b.txt").write_text(product)

    def read_product(self, folder, inputs):
        self.reads += 1
        return (folder / "a.txt").read_text()

    def summary_numbers(self, product):
        return {"length": len(product)}


def chain(**words):
    """Steps one -> two -> three, and four from one and three."""
    words = {"one": "1", "two": "2", "three": "3", "four": "4", **words}

    def option(name):
        return {
            f"{name}.word": Option(words[name], "crab.yaml:7:17" if words[name] in "xyz" else "default"),
            f"{name}.n_jobs": Option(str(len(words))),
        }

    return [
        Step("one", Join(words["one"]), option("one")),
        Step("two", Join(words["two"]), option("two"), {"ones": "one"}),
        Step("three", Join(words["three"]), option("three"), {"twos": "two"}),
        Step("four", Join(words["four"]), option("four"), {"any": ("one", "three")}),
    ]


def runs(steps):
    return [step.tool.runs for step in steps]


def contents(folder):
    """All files but those that hold times."""
    timed = ("manifest.json", "provenance.json", "log.txt", "history.jsonl", ".hashes.json")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name not in timed
    }


def test_chain_runs_in_order_and_hands_products_on(tmp_path):
    steps = chain()
    result = run_chain(steps, outdir=tmp_path, config_text="a: 1\n")
    assert result.product("four") == "1+1+2+3+4"
    assert result.executed == ("one", "two", "three", "four")
    assert [step.tool.reads for step in steps] == [0, 0, 0, 0]
    assert json.loads((tmp_path / "summary.json").read_text())["two"] == {"length": 3}
    assert (tmp_path / "config.yaml").read_text().endswith("a: 1\n")
    assert result.exit_code == 0
    hidden = [name for name in os.listdir(tmp_path) if name.startswith(".")]
    assert set(hidden) <= {".hashes.json", ".gammapy_hli"}


def test_second_run_executes_nothing(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "log.txt"}
    steps = chain()
    result = run_chain(steps, outdir=tmp_path)
    assert runs(steps) == [0, 0, 0, 0]
    assert result.executed == ()
    assert [step.tool.reads for step in steps] == [0, 0, 0, 0]
    assert result.product("four") == "1+1+2+3+4"
    after = {path: path.stat().st_mtime_ns for path in before if path.is_file()}
    assert after == {path: time for path, time in before.items() if path.is_file()}


def test_changed_option_runs_its_step_and_what_follows(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    steps = chain(two="x")
    plan = plan_chain(steps, outdir=tmp_path)
    assert plan["one"].reason == "up to date"
    assert plan["two"].reason == "two.word changed 2 -> x (crab.yaml:7:17)"
    assert plan["three"].reason == "input two will run"
    assert plan["four"].reason == "input three will run"
    assert "two" in repr(plan)
    result = run_chain(steps, outdir=tmp_path)
    assert runs(steps) == [0, 1, 1, 1]
    assert result.product("four") == "1+1+x+3+4"


def test_long_values_are_shown_where_they_differ(tmp_path):
    region = "{circle: {center: {frame: icrs, lon: 83.633 deg, lat: 22.0145 deg}, radius: 0.11 deg}}"
    one, *others = chain()
    for text, rest in ((region, []), (region.replace("0.11", "0.12"), others)):
        options = {**one.options, "one.region": Option(text, "a.yaml:3:1")}
        decided = run_chain([replace(one, options=options), *rest], outdir=tmp_path).plan["one"]
    said = "one.region changed ...radius: 0.11 deg}} -> ...radius: 0.12 deg}} (a.yaml:3:1)"
    assert said in decided.reason


def test_options_on_how_the_work_is_done_change_nothing(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    steps = chain(extra="unused")  # changes n_jobs of all
    assert run_chain(steps, outdir=tmp_path, context=RunContext(n_jobs=2)).executed == ()


def test_new_option_with_its_default_changes_nothing(tmp_path):
    steps = chain()
    run_chain(steps, outdir=tmp_path)
    more = [replace(step, options={**step.options, f"{step.name}.new": Option("0")}) for step in chain()]
    assert run_chain(more, outdir=tmp_path).executed == ()
    more[0] = replace(more[0], options={**steps[0].options, "one.new": Option("1", "command line")})
    assert plan_chain(more, outdir=tmp_path)["one"].reason == "one.new set to 1 (command line)"


def test_recipe_version_and_wires_are_part_of_the_plan(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    steps = chain()
    steps[1].tool.recipe_version = 2
    steps[3] = replace(steps[3], inputs={"any": ("one", "two")})
    plan = plan_chain(steps, outdir=tmp_path)
    assert plan["two"].reason == "recipe version 1 -> 2"
    assert plan["four"].reason == "inputs changed one, three -> one, two"


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_tampered_product_is_made_again(tmp_path, damage):
    run_chain(chain(), outdir=tmp_path)
    before = contents(tmp_path)
    path = tmp_path / "two" / "b.txt"
    if damage == "changed":
        path.write_text("1+3")
    else:
        path.unlink()
    steps = chain()
    assert (
        plan_chain(steps, outdir=tmp_path)["two"].reason
        == f"product b.txt {'has' if damage == 'changed' else 'is'} {damage}"
    )
    run_chain(steps, outdir=tmp_path)
    assert runs(steps) == [0, 1, 0, 0], "the same product came out: what follows is still up to date"
    assert contents(tmp_path) == before


def test_forced_step_runs(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    steps = chain()
    run_chain(steps, outdir=tmp_path, wish=Wish(force={"one"}))
    assert runs(steps) == [1, 0, 0, 0]
    assert plan_chain(steps, outdir=tmp_path, wish=Wish(force=True)).to_run == ("one", "two", "three", "four")
    assert plan_chain(steps, outdir=tmp_path, wish=Wish(force={"one"}))["one"].reason == "forced"


def test_broken_manifest_counts_as_never_run(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    (tmp_path / "two" / "manifest.json").write_text("{")
    assert plan_chain(chain(), outdir=tmp_path)["two"].reason == "never run"


def test_until_and_only(tmp_path):
    steps = chain()
    assert run_chain(steps, outdir=tmp_path, wish=Wish(until="two")).executed == ("one", "two")
    with pytest.raises(MissingStepError, match="step 'four' needs the product of 'three'"):
        run_chain(steps, outdir=tmp_path, wish=Wish(only={"four"}))
    steps = chain(one="x")
    result = run_chain(steps, outdir=tmp_path, wish=Wish(only={"three"}))
    assert result.executed == ("three",)
    assert result.product("three") == "1+2+3"
    with pytest.raises(ValueError, match="no step 'five'"):
        run_chain(steps, outdir=tmp_path, wish=Wish(until="five"))


def test_only_with_a_predecessor_whose_product_is_gone(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    (tmp_path / "two" / "a.txt").unlink()
    with pytest.raises(MissingStepError, match=r"product a\.txt is missing"):
        run_chain(chain(three="x"), outdir=tmp_path, wish=Wish(only={"three"}))


def test_everything_works_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    memory = {}
    steps = chain()
    assert run_chain(steps, memory=memory).product("four") == "1+1+2+3+4"
    assert run_chain(steps, memory=memory).executed == ()
    assert run_chain(chain(two="x"), memory=memory).executed == ("two", "three", "four")
    assert run_chain(chain(two="x"), memory=memory, wish=Wish(force={"one"})).executed[0] == "one"
    assert os.listdir(tmp_path) == []


def test_product_given_in_python_is_used_in_its_place(tmp_path):
    steps = chain()
    memory = {}
    run_chain(steps, outdir=tmp_path, memory=memory)
    ProductStore(steps, tmp_path, memory).give(steps[1], "mine")
    wish = Wish(given={"two"})
    result = run_chain(steps, outdir=tmp_path, memory=memory, wish=wish)
    assert result.product("three") == "mine+3"
    assert run_chain(steps, outdir=tmp_path, memory=memory, wish=wish).executed == ()
    assert plan_chain(chain(), outdir=tmp_path)["two"].reason.startswith("its product was set in Python")


def test_failed_step_leaves_the_others_and_its_old_product(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    steps = chain(one="x")
    steps[1].tool.error = ValueError("negative counts")
    with pytest.raises(StepError, match="step 'two' failed: ValueError: negative counts") as caught:
        run_chain(steps, outdir=tmp_path)
    assert caught.value.step == "two"
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.exit_code == 1
    assert (tmp_path / "one" / "a.txt").read_text() == "x"
    assert (tmp_path / "two" / "a.txt").read_text() == "1+2"
    assert list(json.loads((tmp_path / "summary.json").read_text())) == ["one"]
    steps = chain(one="x")
    assert run_chain(steps, outdir=tmp_path).executed == ("two", "three", "four")


@pytest.mark.parametrize(("error", "code"), [(NothingSelectedError("no run"), 3), (OSError("disk"), 1)])
def test_exit_code_is_that_of_the_cause(tmp_path, error, code):
    steps = chain()
    steps[0].tool.error = error
    with pytest.raises(StepError, match="step 'one' failed") as caught:
        run_chain(steps, outdir=tmp_path)
    assert caught.value.exit_code == code


@pytest.mark.parametrize("error", [OSError("device full"), KeyboardInterrupt()], ids=["full", "interrupt"])
def test_nothing_half_written_when_writing_fails(tmp_path, error):
    run_chain(chain(), outdir=tmp_path)
    before = contents(tmp_path)
    steps = chain(two="x")
    steps[1].tool.write_error = error
    with pytest.raises((FolderError, KeyboardInterrupt)):
        run_chain(steps, outdir=tmp_path)
    after = contents(tmp_path)
    del before["summary.json"], after["summary.json"]
    assert after == before
    run_chain(chain(two="x"), outdir=tmp_path)
    assert (tmp_path / "four" / "a.txt").read_text() == "1+1+x+3+4"


def test_flags_last_until_the_step_runs_again(tmp_path):
    steps = chain()
    steps[1].tool.flag = "fit has not converged"
    result = run_chain(steps, outdir=tmp_path)
    assert result.exit_code == 4
    assert result.flags == {"two": ("fit has not converged",)}
    assert run_chain(chain(), outdir=tmp_path).exit_code == 4
    assert run_chain(chain(), outdir=tmp_path, wish=Wish(force={"two"})).exit_code == 0


def test_status_tells_why(tmp_path):
    run_chain(chain(), outdir=tmp_path, wish=Wish(until="two"))
    states = {state.step: state for state in chain_status(chain(two="x"), outdir=tmp_path)}
    assert [state.state for state in states.values()] == ["up to date", "out of date", "never run", "never run"]
    assert "two.word changed 2 -> x" in str(states["two"])
    assert chain_status(chain(), outdir=tmp_path / "no")[0].state == "never run"


def test_input_files_enter_key_plan_and_manifest(tmp_path):
    data = tmp_path / "events.fits"
    data.write_text("1")
    steps = [Step("one", Join("1"), files=(data,))]
    run_chain(steps, outdir=tmp_path / "out")
    assert read_manifest(tmp_path / "out" / "one").files[0].path == str(data)
    data.write_text("2")
    assert plan_chain(steps, outdir=tmp_path / "out")["one"].reason == f"input file {data} has changed"
    data.unlink()
    with pytest.raises(InputError, match=r"input files are missing:\n  step 'one': .*events\.fits"):
        run_chain(steps, outdir=tmp_path / "out")


def test_files_that_a_tool_tells_of_are_watched_too(tmp_path):
    data = tmp_path / "run.fits"
    data.write_text("1")

    class Reads(Join):
        def input_files(self, **inputs):
            return [data]

    steps = [Step("one", Reads("1"))]
    run_chain(steps, outdir=tmp_path / "out")
    assert run_chain(steps, outdir=tmp_path / "out").executed == ()
    data.write_text("2")
    assert run_chain(steps, outdir=tmp_path / "out").executed == ("one",)


def test_notes_of_the_user_in_a_step_folder_are_kept(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    (tmp_path / "two" / "notes.md").write_text("mine")
    run_chain(chain(two="x"), outdir=tmp_path)
    assert (tmp_path / "two" / "notes.md").read_text() == "mine"


def test_folder_of_the_user_with_the_name_of_a_step_keeps_its_files(tmp_path):
    (tmp_path / "two" / "talk").mkdir(parents=True)
    (tmp_path / "two" / "talk" / "slides.tex").write_text("mine")
    with pytest.raises(FolderError, match="holds files that are not of gammapy_hli"):
        run_chain(chain(), outdir=tmp_path)
    for steps in (chain(), chain(two="x")):
        run_chain(steps, outdir=tmp_path, overwrite=True)
        assert (tmp_path / "two" / "talk" / "slides.tex").read_text() == "mine"


def test_damaged_product_leaves_nothing_in_its_folder(tmp_path):
    run_chain(chain(), outdir=tmp_path)
    (tmp_path / "two" / "manifest.json").write_text("{")
    (tmp_path / "two" / "of-another-selection.fits").touch()
    run_chain(chain(), outdir=tmp_path)
    assert not (tmp_path / "two" / "of-another-selection.fits").exists()


def test_locked_and_foreign_folders_are_refused_before_any_work(tmp_path):
    steps = chain()
    with FolderLock(tmp_path), pytest.raises(FolderError, match="is in use by process"):
        run_chain(steps, outdir=tmp_path)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(FolderError, match=r"thesis\.tex"):
        run_chain(steps, outdir=tmp_path)
    assert runs(steps) == [0, 0, 0, 0]
    assert run_chain(steps, outdir=tmp_path, overwrite=True).executed


def test_two_folders_hold_the_same_bytes(tmp_path):
    run_chain(chain(), outdir=tmp_path / "a")
    run_chain(chain(), outdir=tmp_path / "elsewhere" / "b", context=RunContext(n_jobs=2))
    assert contents(tmp_path / "a") == contents(tmp_path / "elsewhere" / "b")


def test_log_file_tells_what_was_done(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="gammapy_hli"):
        run_chain(chain(), outdir=tmp_path)
    assert "two: runs (never run)" in (tmp_path / "log.txt").read_text()


def test_termination_is_an_exception_and_leaves_records(tmp_path):
    class Stopped(Join):
        def run(self, context, **inputs):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().run(context, **inputs)

    steps = chain()
    steps[1] = replace(steps[1], tool=Stopped("2"))
    with pytest.raises(Terminated) as caught:
        run_chain(steps, outdir=tmp_path)
    assert caught.value.exit_code == 143
    assert "one" in json.loads((tmp_path / "summary.json").read_text())
    assert (tmp_path / "provenance.json").exists()
    assert not (tmp_path / ".lock").exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


KILLED = """
import os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
from {module} import Join, chain, run_chain
class Killed(Join):
    def write_product(self, product, folder):
        (folder / "a.txt").write_text("half")
        os.kill(os.getpid(), 9)
steps = chain()
steps[2].tool.__class__ = Killed
run_chain(steps, outdir=sys.argv[2])
"""


def test_killed_run_goes_on_where_it_stopped(tmp_path):
    run_chain(chain(), outdir=tmp_path / "whole")
    code = KILLED.format(module=Path(__file__).stem)
    done = subprocess.run([sys.executable, "-c", code, __file__, str(tmp_path / "killed")], check=False)
    assert done.returncode == -signal.SIGKILL
    steps = chain()
    result = run_chain(steps, outdir=tmp_path / "killed")
    assert result.executed == ("three", "four")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_items_of_an_interrupted_step_are_used_again(tmp_path):
    class PerItem(Join):
        made = 0
        stop_at = None

        def run(self, context, **inputs):
            values = []
            for name in "abc":
                key = context.item_key([], name)
                context.record_item(name, key)
                try:
                    value, _ = context.items.read(key)
                except KeyError:
                    if name == self.stop_at:
                        raise KeyboardInterrupt from None
                    self.made += 1
                    value = name.upper()
                    context.items.write(key, value)
                values.append(value)
            return "".join(values)

    steps = [Step("one", PerItem("1"))]
    steps[0].tool.stop_at = "c"
    with pytest.raises(KeyboardInterrupt):
        run_chain(steps, outdir=tmp_path)
    steps = [Step("one", PerItem("1"))]
    assert run_chain(steps, outdir=tmp_path).product("one") == "ABC"
    assert steps[0].tool.made == 1
    assert list(read_manifest(tmp_path / "one").items) == ["a", "b", "c"]


class WritesYaml(Join):
    """Writes a file that has room for a record."""

    def write_product(self, product, folder):
        (folder / "a.yaml").write_text("a: 1\n")


def record_of(folder, word="1", content="events", name="events.fits", before="1"):
    """The record in the product of the second of two steps; the first one reads a file."""
    folder.mkdir()
    data = folder / name
    data.write_text(content)
    options = {"one.word": Option(before), "one.file": Option(str(data), "x", True)}
    first = Step("one", Join("1"), options, files=(data,))
    second = Step("two", WritesYaml("2"), {"two.word": Option(word), "two.n_jobs": Option("7")}, {"ones": "one"})
    run_chain([first, second], outdir=folder / "out")
    return read_record(folder / "out" / "two" / "a.yaml")


def test_header_record_tells_configuration_and_data_and_nothing_of_the_place(tmp_path):
    record = record_of(tmp_path / "a")
    assert record["CREATOR"] == f"gammapy_hli {__version__}"
    assert record["HLISTEP"] == "two"
    assert record_of(tmp_path / "b", name="renamed.fits") == record
    assert record_of(tmp_path / "c", word="2")["HLICONF"] != record["HLICONF"]
    assert record_of(tmp_path / "d", before="2")["HLICONF"] != record["HLICONF"]
    other = record_of(tmp_path / "e", content="more events")
    assert other["HLICONF"] == record["HLICONF"]
    assert other["HLIKEY"] != record["HLIKEY"]


def test_a_given_product_has_the_key_of_its_content(tmp_path):
    keys = []
    for folder in (tmp_path / "a", None, tmp_path / "c"):
        steps = chain()
        store = ProductStore(steps, folder)
        if folder:
            folder.mkdir()
        keys.append(store.give(steps[0], "same" if folder != tmp_path / "c" else "other").work_key)
    assert keys[0] == keys[1] != keys[2]


def test_provenance_is_prov_json(tmp_path):
    prov = pytest.importorskip("prov.model")
    data = tmp_path / "events.fits"
    data.write_text("1")
    steps = chain()
    steps[0] = replace(steps[0], files=(data,))
    run_chain(steps, outdir=tmp_path / "out", config_text="a: 1\n")
    text = (tmp_path / "out" / "provenance.json").read_text()
    document = prov.ProvDocument.deserialize(content=text, format="json")
    assert len(list(document.get_records(prov.ProvActivity))) == 4
    found = json.loads(text)
    assert found["entity"]["out:two/a.txt"]["hli:sha256"] == read_manifest(tmp_path / "out" / "two").products[0].sha256
    assert any(entity.get("prov:location") == str(data) for entity in found["entity"].values())
    derived = [(r["prov:generatedEntity"], r["prov:usedEntity"]) for r in found["wasDerivedFrom"].values()]
    assert ("out:two/a.txt", "out:one/a.txt") in derived
    agent = next(value for key, value in found["agent"].items() if "software" in key)
    assert agent["hli:version-numpy"]

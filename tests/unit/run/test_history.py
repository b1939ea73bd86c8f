"""What is left of steps that made no product: a line in the history, an activity in the provenance."""

import json
import signal
import subprocess
import sys

import pytest

from gammapy_hli.base.errors import InputError, StepError, Terminated
from gammapy_hli.run.chain_runner import run_chain
from gammapy_hli.run.history import HISTORY_FILE, History, read_attempts, without_product
from gammapy_hli.run.step import Option, Step


class Writes:
    """Writes one file, or raises."""

    recipe_version = 1

    def __init__(self, error=None):
        self.error = error

    def run(self, context, **inputs):
        if self.error is not None:
            raise self.error
        return "x"

    def write_product(self, product, folder):
        (folder / "a.txt").write_text(product)

    def read_product(self, folder, inputs=None):
        return (folder / "a.txt").read_text()


def steps(error=None):
    options = {"two.seed": Option("7", "crab.yaml:1:1"), "two.word": Option("w")}
    return [Step("one", Writes()), Step("two", Writes(error), options, {"ones": "one"})]


ENDS = {
    "input error": (InputError("no run 3"), StepError, "failed"),
    "any exception": (ZeroDivisionError("by 0"), StepError, "failed"),
    "ctrl-C": (KeyboardInterrupt(), KeyboardInterrupt, "interrupted"),
    "SIGTERM": (Terminated("terminated (SIGTERM)"), Terminated, "terminated"),
}


@pytest.mark.parametrize(("error", "raised", "status"), ENDS.values(), ids=ENDS)
def test_a_step_without_product_leaves_a_record(tmp_path, error, raised, status):
    prov = pytest.importorskip("prov.model")
    with pytest.raises(raised):
        run_chain(steps(error), outdir=tmp_path, config_text="a: 1\n")
    (attempt,) = without_product(read_attempts(tmp_path))
    assert (attempt.step, attempt.status) == ("two", status)
    assert attempt.options == {"two.seed": "7"}
    text = (tmp_path / "provenance.json").read_text()
    document = prov.ProvDocument.deserialize(content=text, format="json")
    assert len(list(document.get_records(prov.ProvActivity))) == 2
    found = json.loads(text)
    ((name, activity),) = ((n, a) for n, a in found["activity"].items() if n.startswith("attempt:two-"))
    assert activity["hli:status"] == status
    assert activity["hli:error"] == (str(error) or "KeyboardInterrupt")
    used = {relation["prov:entity"] for relation in found["used"].values() if relation["prov:activity"] == name}
    assert used == {"out:one/a.txt", "hli:config.yaml"}


def test_record_of_a_failure_goes_when_the_step_succeeds(tmp_path):
    with pytest.raises(StepError):
        run_chain(steps(InputError("no run 3")), outdir=tmp_path)
    run_chain(steps(), outdir=tmp_path)
    assert [attempt.status for attempt in read_attempts(tmp_path)] == ["complete", "failed", "complete"]
    assert without_product(read_attempts(tmp_path)) == []
    assert set(json.loads((tmp_path / "provenance.json").read_text())["activity"]) == {"step:one", "step:two"}


def test_nothing_is_written_where_nothing_runs(tmp_path):
    run_chain(steps(), outdir=tmp_path)
    before = (tmp_path / HISTORY_FILE).read_bytes()
    run_chain(steps(), outdir=tmp_path)
    assert (tmp_path / HISTORY_FILE).read_bytes() == before


def test_killed_step_is_known_by_its_missing_end(tmp_path):
    code = """
import os, sys
from gammapy_hli.run.history import History
from gammapy_hli.run.step import Step
with History(sys.argv[1]).step(Step("one", None)):
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with open(tmp_path / HISTORY_FILE, "ab") as stream:
        stream.write(b'{"event": "end", "ru')  # cut short
    with History(tmp_path).step(Step("two", None)):
        pass
    assert [(attempt.step, attempt.status) for attempt in read_attempts(tmp_path)] == [
        ("one", "killed"),
        ("two", "complete"),
    ]


def test_a_history_that_cannot_be_written_stops_nothing(tmp_path):
    with History(tmp_path / "not" / "there").step(Step("one", None)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_documents_hold_what_is_asked_of_provenance(tmp_path):
    run_chain(steps(), outdir=tmp_path, config_text="a: 1  # crab.yaml:1:1\n")
    found = json.loads((tmp_path / "provenance.json").read_text())
    activity = found["activity"]["step:two"]
    assert activity["hli:seed"] == ["two.seed = 7"]
    assert activity["hli:origin"] == ["two.seed <- crab.yaml:1:1"]
    assert activity["hli:command"]
    assert activity["voprov:version"] == "1"
    config = found["entity"]["hli:config.yaml"]
    assert config["prov:type"]["$"] == "voprov:ConfigFile"
    assert "crab.yaml:1:1" in config["prov:value"]
    roles = {(r["prov:entity"], r["prov:role"]) for r in found["used"].values() if r["prov:activity"] == "step:two"}
    assert ("out:one/a.txt", "ones") in roles
    assert found["entity"]["out:one/a.txt"]["prov:type"]["$"] == "voprov:DatasetEntity"
    agent = next(value for key, value in found["agent"].items() if "software" in key)
    assert {"hli:version-python", "hli:version-numpy", "hli:version-gammapy_hli"} <= set(agent)

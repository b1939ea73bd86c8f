"""Runs that are killed in the middle of writes and at work; tests/bench/check_kill.py tries fifty moments."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "check_kill.py"


@pytest.fixture(scope="module")
def bench():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("check_kill", BENCH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_kill"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["check_kill"]


@pytest.fixture(scope="module")
def whole(bench, tmp_path_factory):
    """The undisturbed chain of spectra, without its page."""
    folder = tmp_path_factory.mktemp("kills")
    bench.CHAINS["short"] = bench.CHAINS["1d"].replace(", report]", "]")
    bench.simulate(folder, 3)
    return bench.run_undisturbed(folder, "short")


def call_number(whole, words, last=False):
    """Number of the first (or last) call that begins so."""
    found = [number for number, call in enumerate(whole.calls, 1) if call.startswith(words)]
    return found[-1 if last else 0]


MOMENTS = {
    "product is renamed": ("rename .fit.new", {"signal": "SIGKILL"}),
    "manifest is torn": ("fsync .reduction.new", {"signal": "SIGKILL", "torn": True}),
    "third run is kept": ("writev .items/reduction", {"signal": "SIGTERM"}),
    "page of records is written": ("open .provenance.json", {"signal": "SIGTERM"}),
    "light curve is written, two processes": ("open .light_curve.new", {"signal": "SIGKILL", "n_jobs": 2}),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_killed_run_goes_on_to_the_same_bytes(bench, whole, tmp_path, name, hli, monkeypatch):
    def go_on(whole, outdir):
        """In this process, which has loaded what it needs."""
        monkeypatch.chdir(whole.folder)
        words = ["run", "-c", "chain.yaml", "--no-progress", "--outdir", outdir]
        outcome = hli(*words)
        return subprocess.CompletedProcess(words, outcome.code, outcome.out, outcome.err)

    words, how = MOMENTS[name]
    moment = bench.Moment(call=call_number(whole, words, last="third" in name), **how)
    trial = bench.try_moments(whole, tmp_path / "out", [moment], go_on)
    assert trial.faults == []
    assert trial.codes == [{"SIGKILL": -9, "SIGTERM": 143}[moment.signal]]
    if "third" in name:
        assert "(2 of 3 runs kept)" in trial.resumed

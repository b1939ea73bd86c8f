"""A small simulated store, a configuration for it, and a way to call the command in this process."""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gammapy_hli.cli.main import main

CONFIG = """\
config_version: 1
general: {outdir: out}
steps: [selection, reduction, model, fit, flux_points]
selection:
  datastore: store
  obs_ids: [1, 2, 3]
reduction:
  on_region: {circle: {center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}
  energy: {min: 0.1 TeV, max: 40 TeV, per_decade: 5}
  energy_true: {min: 0.05 TeV, max: 100 TeV, per_decade: 10}
  safe_mask: {methods: [aeff-max], aeff_percent: 10}
model:
  sources:
    crab:
      spectral: {type: pl, amplitude: 1e-11 cm-2 s-1 TeV-1, index: 2, reference: 1 TeV}
flux_points: {source: crab, energy: {min: 0.1 TeV, max: 40 TeV, per_decade: 2}}
"""
NOT_PRODUCTS = {
    "manifest.json",
    "provenance.json",
    "history.jsonl",
    "log.txt",
    "config.yaml",
    ".hashes.json",
    ".gammapy_hli",
}


@dataclass
class Outcome:
    """What a command said and returned."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def simulated_store(tmp_path_factory):
    """Folder of a store with three short runs, 1 to 3; tests must not write into it."""
    folder = tmp_path_factory.mktemp("simulated") / "store"
    assert main(["simulate", str(folder), "--n_runs", "3", "--livetime", "8 min", "--seed", "3"]) == 0
    return folder


@pytest.fixture
def place(tmp_path, simulated_store, monkeypatch):
    """A fresh working directory with the store and ``sim.yaml``."""
    shutil.copytree(simulated_store, tmp_path / "store")
    (tmp_path / "sim.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def finished_session(tmp_path_factory, simulated_store):
    """A folder with ``sim.yaml`` and the complete session ``out``; to be copied, not written to."""
    folder = tmp_path_factory.mktemp("finished")
    text = CONFIG.replace("datastore: store", f"datastore: {simulated_store}")  # whole, so that copies are the same
    (folder / "sim.yaml").write_text(text, encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["run", "-c", "sim.yaml", "-q"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def session(tmp_path, finished_session, monkeypatch):
    """A copy of the complete session, as working directory."""
    shutil.copytree(finished_session, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def hli(capfd):
    """Call ``gammapy-hli`` in this process."""

    def call(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Outcome(code, said.out, said.err)

    return call


def products(folder):
    """Hash of every product below an output folder, by relative name; records with times and paths are left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name not in NOT_PRODUCTS and ".items" not in path.parts
    }


def all_states(folder):
    """Time of change and size of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def leftovers(folder):
    """Temporary files, unfinished folders and locks below a folder."""
    names = (str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
    return [name for name in names if name.endswith((".part", ".lock")) or ".new-" in name or ".old-" in name]


@pytest.fixture(name="products")
def products_fixture():
    """The function `products`."""
    return products


@pytest.fixture(name="all_states")
def all_states_fixture():
    """The function `all_states`."""
    return all_states


@pytest.fixture(name="leftovers")
def leftovers_fixture():
    """The function `leftovers`."""
    return leftovers


PATCHED = """\
import os, pathlib, signal, sys, time
import gammapy_hli.tools.reduction as tool
{first}
plain = tool.reduce_run
def patched(observation, plan):
    if observation.name == "{run}":
        {what}
    return plain(observation, plan)
patched.__module__, patched.__qualname__ = "__main__", "patched"
tool.reduce_run = patched
from gammapy_hli.cli.main import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def patched_command(tmp_path):
    """The words of a run with two processes in which the reduction of one run does something else."""

    def make(config, run, what, *words, first=""):
        script = tmp_path / "patched.py"
        script.write_text(PATCHED.format(run=run, what=what, first=first))
        return [sys.executable, str(script), "run", "-c", config, "--no-progress", "--n-jobs", "2", *words]

    return make

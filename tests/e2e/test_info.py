"""`gammapy-hli info` knows every kind of folder and file that the package reads and writes."""

import json
import os
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from gammapy_hli.cli.info import OWN_EXTRAS

ROOT = Path(__file__).parents[2]


def test_versions_and_surroundings_are_told(hli, monkeypatch, simulated_store):
    monkeypatch.setenv("GAMMAPY_DATA", str(simulated_store.parent))
    facts = json.loads(hli("info", "--json").out)
    assert facts["packages"]["numpy"][0].isdigit()
    assert facts["cores"] >= 1
    assert facts["GAMMAPY_DATA"]["data stores"] == ["store"]
    assert facts["plug-ins"] == "none" or all(group.startswith("gammapy_hli.") for group in facts["plug-ins"])
    assert "cores" in hli("info").out


def test_extras_are_those_of_the_package_and_told_as_installed(hli):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name: [re.split(r"[<>=]", line)[0] for line in extras[name]] for name in extras if name != "test"}
    assert {name: list(packages) for name, packages in OWN_EXTRAS.items()} == named
    told = json.loads(hli("info", "--json").out)["extras"]
    assert f"dask {version('dask')}, distributed {version('distributed')}" == told["dask"]


@pytest.mark.parametrize(("value", "words"), [(None, "not set"), ("/no/where", "/no/where: no such folder")])
def test_data_that_are_not_there_are_told(hli, monkeypatch, value, words):
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    if value:
        monkeypatch.setenv("GAMMAPY_DATA", value)
    assert words in json.loads(hli("info", "--json").out)["GAMMAPY_DATA"]


def test_store_is_described(hli, simulated_store):
    facts = json.loads(hli("info", simulated_store, "--json").out)
    assert facts["what"] == "data store"
    assert facts["runs"] == 3
    assert facts["responses"]["aeff"] == "aeff_2d"
    assert facts["kind"].startswith("full-enclosure")
    assert sum(int(words.split()[0]) for words in facts["targets"].values()) == 3
    assert facts["livetime"] == "0.4 h"
    assert facts["simulated"] == "seed 3; simulation.yaml makes it again"


def test_simulated_store_is_made_again_byte_by_byte(hli, simulated_store, tmp_path):
    """The options in force stand beside the store, with the seed."""
    outcome = hli("simulate", tmp_path / "again", "-c", simulated_store / "simulation.yaml")
    assert outcome.code == 0, outcome.err
    files = {path.relative_to(simulated_store) for path in simulated_store.rglob("*") if path.is_file()}
    assert len(files) == 3 + 4
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (simulated_store / name).read_bytes(), name


KINDS = {
    "out": "outdir",
    "out/selection/observations.ecsv": "table of runs",
    "out/reduction/pha_obs1.fits": "spectrum dataset",
    "out/reduction/datasets.yaml": "list of datasets",
    "out/reduction/info.ecsv": "table of reduced runs",
    "out/reduction/ogip/ogip_obs1.fits": "OGIP spectrum",
    "out/reduction/ogip/ogip_obs1_bkg.fits": "OGIP background",
    "out/reduction/ogip/ogip_obs1_arf.fits": "OGIP effective area",
    "out/reduction/ogip/ogip_obs1_rmf.fits": "OGIP response matrix",
    "out/model/models.yaml": "models",
    "out/fit/fit.yaml": "fit result",
    "out/flux_points/crab.fits": "flux points",
    "out/flux_points/crab.ecsv": "flux points",
    "sim.yaml": "configuration",
}


@pytest.mark.parametrize(("path", "what"), KINDS.items(), ids=KINDS)
def test_file_is_known(session, hli, path, what):
    outcome = hli("info", path, "--json")
    assert outcome.code == 0, outcome.err
    facts = json.loads(outcome.out)
    assert facts["what"] == what
    if os.sep in path:
        assert facts["step"] == path.split(os.sep)[1]


def test_files_of_a_store_are_known(hli, simulated_store):
    events = next((simulated_store / "data").iterdir())
    facts = json.loads(hli("info", events, "--json").out)
    assert facts["what"] == "DL3 file of a run"
    assert facts["events"] > 100
    assert json.loads(hli("info", simulated_store / "hdu-index.fits.gz", "--json").out)["what"] == "index of HDUs"
    assert (
        json.loads(hli("info", simulated_store / "obs-index.fits.gz", "--json").out)["what"] == "index of observations"
    )


WRONG = {
    "nothing there": (("info", "nothing"), 3, "nothing: no such file or folder"),
    "other folder": (("info", "."), 3, "neither a data store (no hdu-index.fits.gz) nor an outdir"),
    "other file": (("info", "a.txt"), 3, "expected a folder, or a file .fits"),
    "damaged file": (("info", "a.fits"), 3, "a.fits"),
    "no table": (("info", "a.ecsv"), 3, "a.ecsv: cannot be read as ECSV"),
    "flag": (("info", "--jsn"), 2, "unknown flag '--jsn'"),
}


@pytest.mark.parametrize(("words", "code", "message"), WRONG.values(), ids=WRONG)
def test_what_is_not_known_is_told(hli, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "a.fits", "a.ecsv"):
        (tmp_path / name).write_text("text")
    outcome = hli(*words)
    assert outcome.code == code
    assert message in outcome.err

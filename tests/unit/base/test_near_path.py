"""Paths that are not there: the nearest name beside them."""

import os
from pathlib import Path

import pytest

from gammapy_hli.base.near_path import near_path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("demo.yaml", "a.yaml", "run_1.fits.gz", "store/hdu-index.fits.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("dmo.yaml", "demo.yaml"),
        ("demo.yml", "demo.yaml"),
        ("demo", "demo.yaml"),
        ("stor", "store"),
        ("Store/hdu-index.fits.gz", "store/hdu-index.fits.gz"),
        ("stor/obs-index.fits.gz", "store"),
        ("store/hdu_index.fits.gz", "store/hdu-index.fits.gz"),
        ("run_l.fits.gz", "run_1.fits.gz"),
    ],
)
def test_nearest_name(folder, wrong, near):
    assert near_path(wrong) == f"Did you mean '{near}'?"
    assert near_path(folder / wrong) == f"Did you mean '{folder / near}'?"


@pytest.mark.parametrize("wrong", ["x.yaml", "models.yaml", "store/nothing.txt", "demo.yaml/x", "/no/where/at/all", ""])
def test_nothing_near(folder, wrong):
    assert near_path(wrong) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_folder_that_cannot_be_read(folder):
    Path("store").chmod(0)
    assert near_path("store/hdu-indx.fits.gz") is None
    Path("store").chmod(0o755)

"""Map datasets of gammapy 2.1: read, stacked and summed as gammapy does it.

The files under map_stack/ were written by record_map_stack.py. gammapy adds in float32, so that 1e-6 of the peak is
what its own order of additions is worth.
"""

from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets
from gammapy_hli.engine.datasets.gadf import read_gadf
from gammapy_hli.engine.datasets.map_cut import RECO_ARRAYS
from gammapy_hli.engine.datasets.map_files import read_map_dataset, write_map_dataset
from gammapy_hli.engine.datasets.map_stack import stack_maps

FOLDER = Path(__file__).parent / "map_stack"
RUNS = (23523, 23526, 23559)
PEAK = 1e-6
REGION = CircleSkyRegion(SkyCoord(83.633, 22.014, unit="deg"), 0.25 * u.deg)


def read(name):
    return read_map_dataset(FOLDER / f"{name}.fits.gz")


def stacked(kind):
    expected = read("stacked-ring" if kind == "ring" else "stacked")
    runs = (read(f"{kind}-{run}") for run in RUNS)
    return stack_maps(runs, geometry=expected.geometry, irf_geometry=expected.psf.geometry), expected


def assert_close(found, expected, scale=PEAK):
    for name in (*RECO_ARRAYS, "exposure"):
        mine, its = getattr(found, name, None), getattr(expected, name, None)
        assert (mine is None) == (its is None), name
        if its is not None:
            mine, its = (np.asarray(getattr(_, "value", _), dtype=float) for _ in (mine, its))
            np.testing.assert_allclose(mine, its, rtol=0, atol=scale * its.max(), err_msg=name)
    for name in ("psf", "edisp"):
        mine, its = getattr(found, name), getattr(expected, name)
        assert mine.geometry.same_as(its.geometry)
        np.testing.assert_allclose(mine.data, its.data, rtol=0, atol=scale * its.data.max(), err_msg=name)
        np.testing.assert_allclose(
            mine.exposure.value, its.exposure.value, rtol=0, atol=scale * its.exposure.value.max()
        )


@pytest.mark.parametrize("kind", ["run", "ring"])
def test_stack_is_that_of_gammapy(kind):
    assert_close(*stacked(kind))


@pytest.mark.parametrize("kind", ["run", "ring"])
def test_facts_of_the_stack_are_those_of_gammapy(kind):
    found, expected = stacked(kind)
    assert found.livetime.to_value("s") == pytest.approx(expected.livetime.to_value("s"), rel=1e-14)
    assert found.meta == expected.meta
    assert found.gti.ontime.to_value("s") == pytest.approx(expected.gti.ontime.to_value("s"), abs=1e-6)
    assert (found.gti.time_start - expected.gti.time_start).to_value("s") == pytest.approx(0, abs=1e-6)


def test_stack_of_one_run_is_that_run_masked():
    run = read(f"run-{RUNS[0]}")
    assert_close(stack_maps([run]), read("masked"))


def test_image_is_that_of_gammapy():
    assert_close(stacked("run")[0].to_image(), read("image"))


@pytest.mark.parametrize(("kind", "name"), [("run", "spectrum"), ("ring", "spectrum-ring")])
def test_spectrum_of_a_region_is_that_of_gammapy(kind, name):
    found = stacked(kind)[0].to_spectrum(REGION, containment_correction=True)
    expected = read_gadf(FOLDER / f"{name}.fits.gz")
    for part in ("counts", "background", "exposure", "mask_safe", "counts_off", "acceptance", "acceptance_off"):
        mine, its = getattr(found, part, None), getattr(expected, part, None)
        if its is not None:
            np.testing.assert_allclose(np.asarray(mine, float), np.asarray(its, float), rtol=1e-6, err_msg=part)


def test_numbers_of_the_stack_are_those_of_gammapy():
    """gammapy's info_dict of the recorded stacks; its sums are float32."""
    ring, runs = stacked("ring")[0].info(), stacked("run")[0].info()
    assert (ring["n_on_safe"], ring["n_off_safe"], runs["n_on_safe"]) == (1806, 87263, 1806)
    assert ring["sqrt_ts"] == pytest.approx(6.655044964, rel=1e-6)
    assert ring["alpha"] == pytest.approx(0.01759505831, rel=1e-6)
    assert runs["sqrt_ts"] == pytest.approx(6.824857218, rel=1e-6)
    assert runs["background"] == pytest.approx(1531.277588, rel=1e-6)


@pytest.mark.parametrize("name", ["run-23523", "ring-23523", "stacked-ring"])
def test_files_of_gammapy_survive_our_writing(tmp_path, name):
    first = read(name)
    again = read_map_dataset(write_map_dataset(first, tmp_path / "x.fits"))
    assert_close(again, first, scale=0)
    assert (again.livetime, again.meta, again.name) == (first.livetime, first.meta, first.name)


def test_datasets_stack_over_the_box_of_all_runs():
    runs = Datasets(read(f"run-{run}") for run in RUNS)
    total = runs.stack()
    assert total.counts.sum() == sum(run.counts[run.safe].sum() for run in runs)


def test_fermi_crab_is_read(gammapy_data):
    dataset = read_datasets(gammapy_data / "fermi-3fhl-crab/Fermi-LAT-3FHL_datasets.yaml")["Fermi-LAT"]
    assert dataset.counts.shape == (5, 40, 50)
    assert (dataset.info()["n_on"], dataset.info()["n_on_safe"]) == (3004, 2932)
    assert dataset.psf.geometry.shape == (1, 2)  # all of the sky in two pixels
    assert dataset.psf.rad.name == "rad"
    assert dataset.psf.energy_true.nbin == 17
    assert dataset.edisp.data.shape == (5, 5, 20, 25)
    assert dataset.exposure.max().to_value("cm2 s") == pytest.approx(3.144165437e11)


def test_fermi_crab_survives_our_writing(gammapy_data, tmp_path):
    first = read_map_dataset(gammapy_data / "fermi-3fhl-crab/Fermi-LAT-3FHL_data_Fermi-LAT.fits", "Fermi-LAT")
    path = write_map_dataset(first, tmp_path / "fermi.fits")
    again = read_map_dataset(path)
    assert_close(again, first, scale=0)
    assert again.psf.energy_true.same_as(first.psf.energy_true, rtol=0)
    content = path.read_bytes()
    assert write_map_dataset(again, path).read_bytes() == content


def test_containment_of_the_fermi_psf_is_that_of_gammapy(gammapy_data):
    """The psf has 17 nodes of energy, the exposure 5 bins; numbers of PSFMap.containment at their centers."""
    dataset = read_map_dataset(gammapy_data / "fermi-3fhl-crab/Fermi-LAT-3FHL_data_Fermi-LAT.fits")
    circle = CircleSkyRegion(REGION.center, 0.5 * u.deg)
    corrected, plain = (replace(dataset, mask_safe=None).to_spectrum(circle, correct) for correct in (True, False))
    expected = [0.93535157, 0.9552166, 0.96779901, 0.97811495, 0.98740651]
    np.testing.assert_allclose((corrected.exposure / plain.exposure).value, expected, rtol=1e-7)

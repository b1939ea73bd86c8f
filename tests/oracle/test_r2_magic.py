"""R2 of the reference results: MAGIC, point-like responses with a RAD_MAX that depends on energy, wobble positions.

Recorded with gammapy 2.1: totals and fit in REFERENCE.md, the steps in r2_magic.json (record_r2_magic.py).
"""

import json
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets, write_datasets
from gammapy_hli.engine.datasets.ogip import read_ogip, write_ogip
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation
from gammapy_hli.engine.reduce.wobble import WobbleRegions

STEPS = json.loads(Path(__file__).with_name("r2_magic.json").read_text())
RUNS = ("5029747", "5029748")
# n_on, n_off, safe from [GeV], statistic at the stated parameters
R2 = {"5029747": (791, 1178, 122.27, 14.257672), "5029748": (837, 1255, 78.19, 11.437212)}
STAT = 25.694884
# value and error
BEST = {"amplitude": (4.1672184e-11, 3.21452e-12), "alpha": (2.5565196, 0.10011), "beta": (0.15712538, 0.0531147)}
BEST_STAT = 25.641315


def plan():
    return SpectrumPlan(
        on_region=parse_region({"point": {"center": "83.63 deg, 22.01 deg"}}),
        energy=Axis.from_energy_bounds("50 GeV", "100 TeV", per_decade=5),
        energy_true=Axis.from_energy_bounds("10 GeV", "100 TeV", per_decade=10, name="energy_true"),
        background=WobbleRegions(n_off=3),
        safe_mask=SafeMaskPlan(methods=("aeff-max",), aeff_percent=10),
    )


@pytest.fixture(scope="module")
def store(gammapy_data):
    return DataStore.open(gammapy_data / "magic/rad_max/data")


@pytest.fixture(scope="module")
def datasets(store):
    return Datasets(reduce_observation(store.observation(int(run)), plan()) for run in RUNS)


def stated_model():
    spectral = LogParabolaSpectralModel(amplitude="4.2e-11 cm-2 s-1 TeV-1", alpha=2.55, beta=0.16, reference="1 TeV")
    return Models([SkyModel("crab", spectral)])


def stat_of(datasets):
    likelihood = compile(datasets, stated_model())
    return likelihood.stat(likelihood.theta0)


@pytest.mark.parametrize("run", RUNS)
def test_counts_are_exact(datasets, run):
    dataset, expected = datasets[run], R2[run]
    assert (dataset.info()["n_on"], dataset.info()["n_off"]) == expected[:2]
    assert dataset.counts.tolist() == STEPS[run]["counts"]
    assert dataset.counts_off.tolist() == STEPS[run]["counts_off"]
    assert dataset.acceptance_off.tolist() == STEPS[run]["acceptance_off"]


@pytest.mark.parametrize("run", RUNS)
def test_safe_range(datasets, run):
    assert datasets[run].energy_threshold.to_value("GeV") == pytest.approx(R2[run][2], abs=5e-3)  # two decimals given
    assert datasets[run].mask_safe.tolist() == STEPS[run]["mask_safe"]


@pytest.mark.parametrize("run", RUNS)
def test_responses_have_no_containment_correction(datasets, run):
    dataset = datasets[run]
    np.testing.assert_allclose(dataset.exposure.to_value("m2 s"), STEPS[run]["exposure"], rtol=1e-12)
    assert np.array_equal(dataset.exposure, dataset.edisp_exposure)
    np.testing.assert_allclose(dataset.edisp, STEPS[run]["edisp"], atol=1e-10)


@pytest.mark.parametrize("run", RUNS)
def test_off_positions(datasets, run):
    centers = [region.center for region in datasets[run].regions_off]
    found = [[center.ra.deg, center.dec.deg] for center in centers]
    np.testing.assert_allclose(found, STEPS[run]["off"], atol=1e-9)


def test_statistic_at_the_stated_parameters(datasets):
    assert stat_of(datasets) == pytest.approx(STAT, rel=1e-6)
    for run in RUNS:
        assert stat_of(Datasets([datasets[run]])) == pytest.approx(R2[run][3], rel=1e-6)


@pytest.mark.parametrize("run", RUNS)
def test_predicted_counts_at_the_stated_parameters(datasets, run):
    likelihood = compile(Datasets([datasets[run]]), stated_model())
    found = likelihood.npred(likelihood.theta0)[run]
    np.testing.assert_allclose(found, STEPS[run]["npred"], rtol=1e-5, atol=1e-5 * max(STEPS[run]["npred"]))


def test_best_fit(datasets):
    result = fit(datasets, stated_model())
    assert result.success
    assert result.stat <= BEST_STAT + 0.01  # tolerances of the reference: 0.01 of the error, errors 2 %
    found = {parameter.name: parameter for parameter in result.models["crab"].spectral.parameters}
    for name, (value, error) in BEST.items():
        assert found[name].value == pytest.approx(value, abs=0.01 * error)
        assert found[name].error == pytest.approx(error, rel=0.02)


def test_files_keep_the_statistic(datasets, tmp_path):
    assert stat_of(read_datasets(write_datasets(datasets, tmp_path))) == stat_of(datasets)
    ogip = Datasets(read_ogip(write_ogip(dataset, tmp_path / "ogip")) for dataset in datasets)
    assert stat_of(ogip) == pytest.approx(STAT, rel=1e-6)  # single precision in the files


# run, n_off, frame of the position, excluded circle (ra, dec, radius [deg]): counts_off, acceptance_off of gammapy 2.1
OTHERS = [
    (5029747, 1, "icrs", None, (378, 1)),
    (5029747, 2, "icrs", None, (760, 2)),
    (5029748, 1, "icrs", None, (413, 1)),
    (5029748, 2, "icrs", None, (825, 2)),
    (5029748, 3, "galactic", None, (1255, 3)),
    (5029747, 3, "icrs", (83.7304, 22.5712, 0.3), (755, 2)),
    (5029747, 3, "icrs", (84.33, 22.477, 0.02), (800, 2)),
    (5029747, 3, "icrs", (83.75, 22.55, 0.03), (755, 2)),
    (5029747, 3, "icrs", (83.742, 22.575, 0.006), (1178, 3)),
    (5029748, 3, "icrs", (83.03, 22.1, 0.2), (827, 2)),
]


@pytest.mark.parametrize(("run", "n_off", "frame", "excluded", "expected"), OTHERS)
def test_other_positions_and_exclusion_masks(store, run, n_off, frame, excluded, expected):
    center = SkyCoord(83.63, 22.01, unit="deg")
    changed = replace(
        plan(),
        on_region=parse_region({"point": {"center": center.transform_to(frame)}}),
        background=WobbleRegions(n_off),
    )
    if excluded is not None:
        text = "icrs;circle({},{},{})".format(*excluded)
        changed = replace(changed, exclusion=ExclusionMask.from_regions([text], center, 0.02 * u.deg, 3 * u.deg))
    dataset = reduce_observation(store.observation(run), changed)
    assert (dataset.counts_off.sum(), dataset.acceptance_off[0]) == expected


@pytest.mark.parametrize("n_off", [4, 8])
def test_positions_overlap_where_gammapy_finds_none(store, n_off):
    with pytest.raises(ItemError, match=r"RAD_MAX up to 0\.265 deg\); take fewer"):
        reduce_observation(store.observation(5029747), replace(plan(), background=WobbleRegions(n_off)))


def test_stacked_statistic_at_the_stated_parameters(datasets):
    # of gammapy, which stacks in float32
    assert stat_of(Datasets([datasets.stack()])) == pytest.approx(16.317394672, rel=1e-6)


def test_a_circle_does_not_fit_this_cut(store):
    circle = replace(plan(), on_region=parse_region("icrs;circle(83.63,22.01,0.2)"))
    with pytest.raises(ItemError, match=r"RAD_MAX_2D, 0\.\d+ to 0\.\d+ deg\).*give a point"):
        reduce_observation(store.observation(5029747), circle)

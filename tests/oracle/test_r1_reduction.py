"""R1 of the reference results: the 1D reduction of four H.E.S.S. runs on the Crab, counts exact.

Recorded with gammapy 2.1. Runs 23523 and 23526 have no source in their off regions; 23559 and 23592 are offset more.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets, write_datasets
from gammapy_hli.engine.datasets.ogip import read_ogip, write_ogip
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation

# run: n_on, n_off, acceptance_off, safe E_min [TeV], n_on safe, n_off safe, exposure[30] [m2 s], npred safe, wstat
R1 = {
    "23523": (192, 224, 12, 0.7368, 149, 117, 3.26011653e8, 136.548955, 21.559730),
    "23526": (201, 228, 12, 0.5902, 154, 150, 3.38580627e8, 170.336115, 25.461204),
    "23559": (166, 520, 41, 0.5902, 136, 327, 2.20587206e8, 114.043441, 24.159906),
    "23592": (141, 502, 36, 0.7368, 111, 275, 2.21678539e8, 93.322188, 14.952850),
}
STACKED_WSTAT = 8.233500


def crab_plan():
    center = SkyCoord(83.63, 22.01, unit="deg")
    return SpectrumPlan(
        on_region=parse_region("icrs;circle(83.63,22.01,0.11)"),
        energy=Axis.from_energy_bounds("0.1 TeV", "40 TeV", per_decade=10),
        energy_true=Axis.from_energy_bounds("0.05 TeV", "100 TeV", per_decade=20, name="energy_true"),
        containment_correction=True,
        background=ReflectedRegions(),
        exclusion=ExclusionMask.from_regions(
            ["galactic;circle(183.604,-8.708,0.5)"], center, pixel=0.05 * u.deg, width=7.5 * u.deg
        ),
        safe_mask=SafeMaskPlan(methods=("aeff-max",), aeff_percent=10),
    )


@pytest.fixture(scope="module")
def datasets(gammapy_data):
    store = DataStore.open(gammapy_data / "hess-dl3-dr1")
    return Datasets(reduce_observation(store.observation(int(run)), crab_plan()) for run in R1)


def cutoff_power_law_npred(dataset):
    """Signal counts of the stated model; each bin of true energy integrated as four power laws, as gammapy does it.

    The exact integral is 3e-5 larger.
    """
    edges = dataset.energy_true.edges_value("TeV")
    n_steps = int(100 * np.diff(np.log10(edges)).max())
    steps = np.geomspace(edges[:-1], edges[1:], n_steps)
    dnde = 4.8e-11 * 1e4 * steps**-2.27 * np.exp(-0.12 * steps)  # m-2 s-1 TeV-1
    index = np.diff(np.log(dnde), axis=0) / np.diff(np.log(steps), axis=0)
    flux = ((dnde * steps)[1:] - (dnde * steps)[:-1]) / (index + 1)
    flux = flux.sum(axis=0)
    return (flux * dataset.exposure.to_value("m2 s")) @ dataset.edisp


def wstat(dataset, signal):
    """W statistic with its term for the data alone, summed over the safe bins (NUMERICS B.14)."""
    n, m, a = (x[dataset.mask_safe] for x in (dataset.counts, dataset.counts_off, dataset.alpha))
    s = signal[dataset.mask_safe]
    c = a * (n + m) - (1 + a) * s
    b = (c + np.sqrt(c**2 + 4 * a * (a + 1) * m * s)) / (2 * a * (a + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        on = np.where(n > 0, n * np.log(n / (s + a * b)), 0)
        off = np.where(m > 0, m * np.log(m / b), 0)
    return float(2 * np.sum(s + (1 + a) * b - n - m + on + off))


def test_there_are_27_and_67_bins(datasets):
    assert (datasets[0].energy.nbin, datasets[0].energy_true.nbin) == (27, 67)


@pytest.mark.parametrize("run", R1)
def test_counts_are_exact(datasets, run):
    info, expected = datasets[run].info(), R1[run]
    assert (info["n_on"], info["n_off"]) == expected[:2]
    assert (info["n_on_safe"], info["n_off_safe"]) == expected[4:6]
    assert set(datasets[run].acceptance_off) == {expected[2]}
    assert len(datasets[run].regions_off) == expected[2]


@pytest.mark.parametrize("run", R1)
def test_threshold_and_exposure(datasets, run):
    dataset, expected = datasets[run], R1[run]
    assert dataset.energy_threshold.to_value("TeV") == pytest.approx(expected[3], abs=5e-5)  # four digits given
    assert dataset.exposure[30].to_value("m2 s") == pytest.approx(expected[6], rel=1e-8)  # nine digits given


@pytest.mark.parametrize("run", R1)
def test_statistic_at_the_stated_parameters(datasets, run):
    signal = cutoff_power_law_npred(datasets[run])
    # tolerances of the reference: npred 1e-5, statistic 1e-6
    assert signal[datasets[run].mask_safe].sum() == pytest.approx(R1[run][7], rel=1e-5)
    assert wstat(datasets[run], signal) == pytest.approx(R1[run][8], rel=1e-6, abs=1e-5)


def test_sums_in_the_safe_range(datasets):
    stacked = datasets.stack()
    info = stacked.info()
    assert (info["n_on_safe"], info["n_off_safe"]) == (550, 869)
    assert info["alpha"] == pytest.approx(0.043572497, rel=1e-7)
    assert info["excess"] == pytest.approx(512.135, abs=6e-4)  # given with three digits
    assert info["livetime"].to_value("s") == pytest.approx(6313.811659, abs=1e-6)


def test_stacked_statistic_at_the_stated_parameters(datasets):
    stacked = datasets.stack()
    # gammapy stacks in float32: 6e-8 of the responses
    assert wstat(stacked, cutoff_power_law_npred(stacked)) == pytest.approx(STACKED_WSTAT, rel=1e-6)


def test_files_keep_the_statistic(datasets, tmp_path):
    again = read_datasets(write_datasets(datasets, tmp_path))
    for run, dataset in zip(R1, again, strict=True):
        assert wstat(dataset, cutoff_power_law_npred(dataset)) == wstat(
            datasets[run], cutoff_power_law_npred(datasets[run])
        )


def test_ogip_files_keep_the_statistic_to_their_precision(datasets, tmp_path):
    for run, dataset in zip(R1, datasets, strict=True):
        found = read_ogip(write_ogip(dataset, tmp_path))
        assert wstat(found, cutoff_power_law_npred(found)) == pytest.approx(R1[run][8], rel=1e-6)


# n_on, n_off, n_on safe, alpha, livetime [s] of the files of the joint Crab paper, read with gammapy 2.1
PAPER = {
    "23523": (189, 229, 124, 1 / 12, 1581.736758410931),
    "23526": (199, 217, 126, 1 / 12, 1572.686724),
    "23559": (168, 507, 119, 1 / 40, 1578.123518),
    "23592": (142, 545, 90, 1 / 40, 1581.264641),
}


@pytest.mark.parametrize("run", PAPER)
def test_ogip_files_of_the_joint_crab_paper_are_read(gammapy_data, run):
    dataset = read_ogip(gammapy_data / f"joint-crab/spectra/hess/pha_obs{run}.fits")
    info = dataset.info()
    assert dataset.name == run
    assert (info["n_on"], info["n_off"], info["n_on_safe"]) == PAPER[run][:3]
    assert info["alpha"] == pytest.approx(PAPER[run][3], rel=1e-12)
    assert info["livetime"].value == pytest.approx(PAPER[run][4], rel=1e-9)

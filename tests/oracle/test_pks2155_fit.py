"""PKS 2155-304, 21 runs, joint fits from the event lists; not in REFERENCE.md, run with gammapy 2.1 on the same set-up.

The source varies, so the fits are bad and the statistic is large: a test of the arithmetic, not of the source.
"""

import astropy.units as u
import pytest

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation

RUNS = (*range(33787, 33802), *range(47802, 47805), *range(47827, 47830))


@pytest.fixture(scope="module")
def datasets(gammapy_data):
    plan = SpectrumPlan(
        on_region=parse_region("icrs;circle(329.71693,-30.22558,0.11)"),
        energy=Axis.from_energy_bounds(0.1 * u.TeV, 40 * u.TeV, per_decade=10, name="energy"),
        energy_true=Axis.from_energy_bounds(0.05 * u.TeV, 100 * u.TeV, per_decade=20, name="energy_true"),
        containment_correction=True,
        background=ReflectedRegions(),
        safe_mask=SafeMaskPlan(methods=("aeff-max",), aeff_percent=10),
    )
    store = DataStore.open(gammapy_data / "hess-dl3-dr1")
    return [reduce_observation(store.observation(run), plan) for run in RUNS]


CASES = {
    "pl": (
        PowerLawSpectralModel(index=2.6, amplitude=4e-11, reference=1.0),
        20443.853900653954,
        8894.12339969043,
        {"index": (3.502484854579, 0.0158774451), "amplitude": (5.812729298e-11, 9.0589022e-13)},
    ),
    "lp": (
        LogParabolaSpectralModel(amplitude=4e-11, reference=1.0, alpha=2.5, beta=0.1),
        23038.809363197648,
        8779.258822352696,
        {
            "amplitude": (6.039470100e-11, 1.02092407e-12),
            "alpha": (3.737450669250, 0.0329893830),
            "beta": (0.230326952730, 0.0244764932),
        },
    ),
}


@pytest.mark.parametrize(("spectrum", "start", "best", "expected"), CASES.values(), ids=CASES)
def test_joint_fit_agrees_with_gammapy(datasets, spectrum, start, best, expected):
    models = Models(SkyModel("pks", spectrum))
    likelihood = compile(datasets, models)
    assert likelihood.stat(likelihood.theta0) == pytest.approx(start, rel=1e-6)
    result = fit(datasets, models)
    assert result.success, result.message
    assert result.stat == pytest.approx(best, rel=1e-6)
    for name, (value, error) in expected.items():
        found = result[f"pks.spectral.{name}"]
        assert found.value == pytest.approx(value, abs=0.01 * error)
        assert found.error == pytest.approx(error, rel=0.02)


def test_joint_fit_of_an_absorbed_power_law_agrees_with_gammapy(datasets, gammapy_data):
    if not (gammapy_data / "ebl" / "ebl_dominguez11.fits.gz").is_file():
        pytest.skip("ebl is not in this copy of the data")
    ebl = {"reference": "dominguez", "redshift": 0.116}
    spectrum = {"type": "pl", "index": 2.6, "amplitude": "4e-11 cm-2 s-1 TeV-1", "ebl": ebl}
    models = parse_short({"pks": {"spectral": spectrum}})
    likelihood = compile(datasets, models)
    assert likelihood.stat(likelihood.theta0) == pytest.approx(28623.860038615927, rel=1e-6)
    result = fit(datasets, models)
    assert result.stat == pytest.approx(8837.64558708378, rel=1e-6)
    for name, value, error in (
        ("index", 2.748218148508573, 0.01670658141301387),
        ("amplitude", 1.9083747924433425e-10, 3.0697687041379583e-12),
    ):
        found = result[f"pks.spectral.model1.{name}"]
        assert found.value == pytest.approx(value, abs=0.01 * error)
        assert found.error == pytest.approx(error, rel=0.02)

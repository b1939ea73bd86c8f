"""R1 of the reference results: Crab, 1D, on/off, from the event lists of H.E.S.S. DL3 DR1 to flux points.

Recorded with gammapy 2.1 (REFERENCE.md); tolerances as they stand there.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.cutoff import ExpCutoffPowerLawSpectralModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation

RUNS = (23523, 23526, 23559, 23592)
NPRED = (136.548955, 170.336115, 114.043441, 93.322188)
WSTAT = (21.559730, 25.461204, 24.159906, 14.952850)

# e_ref [TeV], dnde, err, errp, errn, ul [cm-2 s-1 TeV-1], sqrt_ts
POINTS = (
    (0.659427, 1.132204e-10, 1.63234e-11, 1.70210e-11, 1.56428e-11, 1.486919e-10, 11.82447),
    (0.823265, 6.951221e-11, 7.22429e-12, 7.46163e-12, 7.00034e-12, 8.495776e-11, 17.84121),
    (1.027809, 3.822148e-11, 4.56006e-12, 4.73149e-12, 4.39130e-12, 4.803148e-11, 15.87969),
    (2.000000, 7.854570e-12, 1.23785e-12, 1.29907e-12, 1.17819e-12, 1.057809e-11, 11.85753),
    (4.858703, 7.440721e-13, 1.95386e-13, 2.11887e-13, 1.79601e-13, 1.202116e-12, 6.89188),
    (9.454491, 1.192179e-13, 5.29023e-14, 5.98977e-14, 4.66619e-14, 2.538450e-13, 3.75964),
    (14.736126, 7.685143e-15, 1.12892e-14, 1.50851e-14, 7.77131e-15, 4.642733e-14, 0.89168),
)
LIMITS = ((22.968282, 1.140419e-14), (28.674847, 7.620748e-15), (35.799231, 5.024005e-15))


@pytest.fixture(scope="module")
def datasets(gammapy_data):
    """The four runs, reduced from their event lists."""
    center = SkyCoord(83.63, 22.01, unit="deg")
    excluded = parse_region("galactic;circle(183.604,-8.708,0.5)")
    plan = SpectrumPlan(
        on_region=parse_region("icrs;circle(83.63,22.01,0.11)"),
        energy=Axis.from_energy_bounds(0.1 * u.TeV, 40 * u.TeV, per_decade=10, name="energy"),
        energy_true=Axis.from_energy_bounds(0.05 * u.TeV, 100 * u.TeV, per_decade=20, name="energy_true"),
        containment_correction=True,
        background=ReflectedRegions(),
        exclusion=ExclusionMask.from_regions([excluded], center, 0.05 * u.deg, 7.5 * u.deg),
        safe_mask=SafeMaskPlan(methods=("aeff-max",), aeff_percent=10),
    )
    store = DataStore.open(gammapy_data / "hess-dl3-dr1")
    return Datasets(reduce_observation(store.observation(run), plan) for run in RUNS)


def cutoff_model():
    """Cut-off power law at the stated parameters."""
    spectrum = ExpCutoffPowerLawSpectralModel(index=2.27, amplitude=4.8e-11, reference=1.0, lambda_=0.12)
    return Models(SkyModel("crab", spectrum))


def power_law():
    """Power law at the stated parameters."""
    return Models(SkyModel("crab", PowerLawSpectralModel(index=2.63, amplitude=4.3e-11, reference=1.0)))


@pytest.fixture(scope="module")
def points(datasets):
    """One point a reconstructed bin at the stated parameters."""
    return estimate_flux_points(datasets, cutoff_model(), "crab")


def test_predicted_counts_of_each_run(datasets):
    likelihood = compile(datasets, cutoff_model())
    npred = likelihood.npred(likelihood.theta0)
    found = [npred[dataset.name][dataset.mask_safe].sum() for dataset in datasets]
    np.testing.assert_allclose(found, NPRED, rtol=1e-5)


def test_statistic_of_each_run(datasets):
    likelihood = compile(datasets, cutoff_model())
    np.testing.assert_allclose(list(likelihood.stat_per_dataset(likelihood.theta0).values()), WSTAT, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "expected"), [(cutoff_model, 86.133690), (power_law, 94.354998)], ids=["cutoff", "pl"]
)
def test_joint_statistic_at_stated_parameters(datasets, make, expected):
    likelihood = compile(datasets, make())
    assert likelihood.stat(likelihood.theta0) == pytest.approx(expected, rel=1e-6)


def test_stacked_statistic_at_stated_parameters(datasets):
    likelihood = compile([datasets.stack()], cutoff_model())
    assert likelihood.stat(likelihood.theta0) == pytest.approx(8.233500, rel=1e-6)


BEST = {
    "joint cutoff": (
        cutoff_model,
        False,
        86.118564,
        {"index": (2.2728244, 0.156585), "amplitude": (4.7908163e-11, 3.59846e-12), "lambda_": (0.12087416, 0.0537929)},
    ),
    "stacked cutoff": (
        cutoff_model,
        True,
        8.198093,
        {"index": (2.2964421, 0.155333), "amplitude": (4.7820365e-11, 3.53768e-12), "lambda_": (0.11391678, 0.0525644)},
    ),
    "joint pl": (
        power_law,
        False,
        94.319583,
        {"index": (2.6313079, 0.0643638), "amplitude": (4.2652201e-11, 2.16722e-12)},
    ),
}


@pytest.mark.parametrize(("make", "stack", "stat", "expected"), BEST.values(), ids=BEST)
def test_best_fit(datasets, make, stack, stat, expected):
    result = fit(datasets, make(), stack=stack)
    assert result.success, result.message
    assert result.stat <= stat + 1e-5  # lower is better; the slack is the rounding of the reference
    for name, (value, error) in expected.items():
        found = result[f"crab.spectral.{name}"]
        assert found.value == pytest.approx(value, abs=0.01 * error)
        assert found.error == pytest.approx(error, rel=0.02)


def log_parabola():
    """Log-parabola, natural logarithm; not in REFERENCE.md, run with gammapy 2.1 on the same spectra."""
    spectrum = LogParabolaSpectralModel(amplitude=4e-11, reference=1.0, alpha=2.5, beta=0.1)
    return Models(SkyModel("crab", spectrum))


def frozen_cutoff():
    """Cut-off held at the stated value."""
    models = cutoff_model()
    models.parameter("crab.spectral.lambda_").frozen = True
    return models


def linked_pair():
    """A second source, in two runs only, with the index of the first; its best amplitude is negative."""
    one = SkyModel("crab", PowerLawSpectralModel(index=2.6, amplitude=4e-11, reference=1.0))
    spectrum = PowerLawSpectralModel(index=2.6, amplitude=4e-12, reference=1.0)
    models = Models([one, SkyModel("two", spectrum, datasets_names=["23523", "23526"])])
    models.link("two.spectral.index", "crab.spectral.index")
    return models


MORE = {
    "log-parabola": (
        log_parabola,
        92.43301252869526,
        87.01458477170655,
        {
            "crab.spectral.amplitude": (4.3613730883e-11, 2.329489837e-12),
            "crab.spectral.alpha": (2.3148939964, 0.1400378485),
            "crab.spectral.beta": (0.2004250026, 0.0820196129),
        },
    ),
    "frozen": (
        frozen_cutoff,
        86.13369012032885,
        86.1188317711619,
        {
            "crab.spectral.index": (2.2750836591, 0.0730335217),
            "crab.spectral.amplitude": (4.7866566097e-11, 2.519758248e-12),
        },
    ),
    "linked": (
        linked_pair,
        100.02777511477073,
        89.70016787213027,
        {
            "crab.spectral.index": (2.6284076893, 0.0643292487),
            "crab.spectral.amplitude": (4.7728161508e-11, 3.383726123e-12),
            "two.spectral.amplitude": (-8.6047049137e-12, 4.050472600e-12),
        },
    ),
}


@pytest.mark.parametrize(("make", "start", "best", "expected"), MORE.values(), ids=MORE)
def test_more_models_agree_with_gammapy(datasets, make, start, best, expected):
    likelihood = compile(datasets, make())
    assert likelihood.stat(likelihood.theta0) == pytest.approx(start, rel=1e-6)
    result = fit(datasets, make())
    assert result.success, result.message
    assert result.stat == pytest.approx(best, abs=1e-5)
    for name, (value, error) in expected.items():
        assert result[name].value == pytest.approx(value, abs=0.01 * error)
        assert result[name].error == pytest.approx(error, rel=0.02)


def test_wide_flux_points_agree_with_gammapy(datasets):
    """Six wide points, run with gammapy 2.1; norm and errors to what its minimizer leaves, limits exactly."""
    points = estimate_flux_points(datasets, cutoff_model(), "crab", energy_edges=np.geomspace(0.7, 30, 7) * u.TeV)
    expected = {
        "e_ref": (1.0278085328, 1.7899615396, 3.1172754566, 6.0658680234, 11.8034980831, 22.9682819443),
        "norm_errp": (0.067781785, 0.113162456, 0.114273401, 0.191215618, 0.414051980, 1.161276097),
        "norm_errn": (0.064990648, 0.106135539, 0.106261854, 0.171234608, 0.342538650, 0.722929364),
        "norm_ul": (1.1166877540, 1.3028530613, 1.1742282688, 1.4293146372, 2.0050910784, 3.9948152303),
        "sqrt_ts": (27.7072068369, 18.7111130896, 15.8974986518, 10.5266315557, 4.6882202174, 1.9530286841),
        "stat_null": (788.9783704991, 356.2137284145, 272.2977481353, 127.2124693288, 38.4888848464, 8.4735329507),
        "ref_flux": (
            2.8203542264e-11,
            8.3388330461e-12,
            5.4127522125e-12,
            1.6586360224e-12,
            3.737000420e-13,
            4.756732307e-14,
        ),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(points, name), values, rtol=1e-3 if "err" in name else 2e-6)
    norm = (0.977841607, 1.069325358, 0.937444588, 1.025457997, 1.097467642, 1.172262660)
    np.testing.assert_allclose((points.norm - norm) / points.norm_err, 0, atol=0.01)


def test_best_fit_does_not_depend_on_where_it_starts(datasets):
    near = fit(datasets, cutoff_model())
    start = {"crab.spectral.index": 1.5, "crab.spectral.amplitude": 1e-12, "crab.spectral.lambda_": 0.01}
    far = fit(datasets, cutoff_model().with_values(start))
    for one, other in zip(near.parameters, far.parameters, strict=True):
        assert other.value == pytest.approx(one.value, abs=1e-3 * one.error + 1e-30)


@pytest.mark.parametrize("row", POINTS, ids=[f"{row[0]:.2f} TeV" for row in POINTS])
def test_flux_point(points, row):
    e_ref, dnde, err, errp, errn, ul, sqrt_ts = row
    k = int(np.argmin(np.abs(points.e_ref - e_ref)))
    assert points.e_ref[k] == pytest.approx(e_ref, rel=1e-6)
    assert points.dnde[k].value == pytest.approx(dnde, rel=1e-4)
    assert points.dnde_err[k].value == pytest.approx(err, rel=1e-4)
    assert points.dnde_errp[k].value == pytest.approx(errp, rel=1e-3)
    assert points.dnde_errn[k].value == pytest.approx(errn, rel=1e-3)
    assert points.dnde_ul[k].value == pytest.approx(ul, rel=1e-4)
    assert points.sqrt_ts[k] == pytest.approx(sqrt_ts, rel=1e-4)
    assert points.success[k]


@pytest.mark.parametrize(("e_ref", "ul"), LIMITS)
def test_bins_without_counts_have_a_limit(points, e_ref, ul):
    k = int(np.argmin(np.abs(points.e_ref - e_ref)))
    assert points.counts[k].sum() == 0
    assert points.dnde_ul[k].value == pytest.approx(ul, rel=1e-4)
    assert points.is_ul[k]


def test_bins_below_the_safe_range_are_undefined(points):
    below = points.e_max < 0.6
    assert below.sum() == 8
    assert not points.success[below].any()
    assert np.isnan(points.norm[below]).all()
    assert np.isnan(points.norm_ul[below]).all()


def test_flux_points_files_come_back_bit_by_bit(points, tmp_path):
    for name in ("crab.fits", "crab.ecsv"):
        assert type(points).read(points.write(tmp_path / name)) == points

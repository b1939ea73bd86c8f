"""Record what gammapy 2.1 makes of H.E.S.S. and MAGIC together, step by step. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_joint_crab.py

joint_crab.json: counts, safe masks and statistic of each dataset of configs/joint-crab.yaml, joint fits without
nuisances, with a norm of MAGIC (a second source with the shape of the first), with an energy scale of MAGIC (a model of
our own with shifted energies) and with priors, and values of priors.
"""

import json
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import Datasets, SpectrumDataset
from gammapy.estimators import FluxPointsEstimator
from gammapy.makers import (
    ReflectedRegionsBackgroundMaker,
    ReflectedRegionsFinder,
    SafeMaskMaker,
    SpectrumDatasetMaker,
    WobbleRegionsFinder,
)
from gammapy.maps import Map, MapAxis, RegionGeom, WcsGeom
from gammapy.modeling import Fit, Parameter
from gammapy.modeling.models import (
    ExpCutoffPowerLawSpectralModel,
    GaussianPrior,
    LogUniformPrior,
    SkyModel,
    SpectralModel,
    UniformPrior,
)
from regions import CircleSkyRegion, PointSkyRegion

POSITION = SkyCoord(83.63, 22.01, unit="deg")
SIGMA = 0.15


class ShiftedCutoff(SpectralModel):
    """A cut-off power law whose energies are (1 + delta) times those that the responses tell."""

    tag = ["ShiftedCutoff", "shifted"]
    index = Parameter("index", 2.0)
    amplitude = Parameter("amplitude", "1e-12 cm-2 s-1 TeV-1")
    reference = Parameter("reference", "1 TeV", frozen=True)
    lambda_ = Parameter("lambda_", "0.1 TeV-1")
    delta = Parameter("delta", 0.0, min=-0.9)

    @staticmethod
    def evaluate(energy, index, amplitude, reference, lambda_, delta):
        """(1 + delta) dN/dE at E (1 + delta)."""
        true = energy * (1 + delta)
        return (1 + delta) * amplitude * (true / reference) ** (-index) * np.exp(-lambda_ * true)


def reduce_runs() -> Datasets:
    """The datasets of the configuration."""
    energy = MapAxis.from_energy_bounds(0.1, 40, 10, per_decade=True, unit="TeV", name="energy")
    true = MapAxis.from_energy_bounds(0.05, 100, 20, per_decade=True, unit="TeV", name="energy_true")
    geom = WcsGeom.create(npix=(150, 150), binsz=0.05, skydir=POSITION, proj="TAN", frame="icrs")
    excluded = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5 * u.deg)
    mask = Map.from_geom(geom, data=geom.region_mask([excluded], inside=False).data)
    safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    found = []
    hess = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations([23523, 23526, 23559, 23592])
    for observation in hess:
        region = CircleSkyRegion(POSITION, 0.11 * u.deg)
        empty = SpectrumDataset.create(
            RegionGeom.create(region, axes=[energy]), energy_axis_true=true, name=f"hess-{observation.obs_id}"
        )
        maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
        dataset = maker.run(empty, observation)
        finder = ReflectedRegionsFinder()
        dataset = ReflectedRegionsBackgroundMaker(exclusion_mask=mask, region_finder=finder).run(dataset, observation)
        found.append(safe.run(dataset, observation))
    magic = DataStore.from_dir("$GAMMAPY_DATA/magic/rad_max/data").get_observations(required_irf="point-like")
    for observation in magic:
        region = PointSkyRegion(POSITION)
        empty = SpectrumDataset.create(
            RegionGeom.create(region, axes=[energy]), energy_axis_true=true, name=f"magic-{observation.obs_id}"
        )
        dataset = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(empty, observation)
        maker = ReflectedRegionsBackgroundMaker(exclusion_mask=mask, region_finder=WobbleRegionsFinder(3))
        found.append(safe.run(maker.run(dataset, observation), observation))
    return Datasets(found)


def cutoff(**values) -> ExpCutoffPowerLawSpectralModel:
    """At the stated parameters."""
    stated = {"index": 2.2, "amplitude": "5e-11 cm-2 s-1 TeV-1", "lambda_": "0.15 TeV-1", "reference": "1 TeV"}
    return ExpCutoffPowerLawSpectralModel(**(stated | values))


def fitted(datasets: Datasets, parameters: dict) -> dict:
    """Fit and tell."""
    result = Fit(optimize_opts={"tol": 0.001}).run(datasets)
    assert result.success
    values = {name: [float(p.value), float(p.error)] for name, p in parameters.items()}
    return {"stat": float(datasets.stat_sum()), "data": float(datasets._stat_sum_likelihood()), "parameters": values}


def shape(model, prefix="") -> dict:
    """The free parameters of a cut-off power law."""
    return {prefix + name: getattr(model, name) for name in ("index", "amplitude", "lambda_")}


def by_instrument(datasets: Datasets) -> tuple[list, list]:
    """Names of the datasets of each."""
    return tuple([d.name for d in datasets if d.name.startswith(label)] for label in ("hess", "magic"))


def record() -> dict:
    """All numbers."""
    datasets = reduce_runs()
    hess, magic = by_instrument(datasets)
    out = {"datasets": {}, "fits": {}}
    model = cutoff()
    datasets.models = [SkyModel(model, name="crab")]
    for dataset in datasets:
        mask = dataset.mask_safe.data.ravel()
        out["datasets"][dataset.name] = {
            "counts": dataset.counts.data.ravel().astype(int).tolist(),
            "counts_off": dataset.counts_off.data.ravel().astype(int).tolist(),
            "acceptance_off": dataset.acceptance_off.data.ravel().tolist(),
            "safe": [int(np.flatnonzero(mask)[0]), int(np.flatnonzero(mask)[-1])],
            "npred": float(dataset.npred_signal().data.ravel()[mask].sum()),
            "stat": float(dataset.stat_sum()),
        }
    out["stated_stat"] = float(datasets.stat_sum())
    for dataset in datasets:  # gammapy makes no flux points of datasets whose telescopes differ
        dataset.meta_table["TELESCOP"] = ["both"]
    points = FluxPointsEstimator(
        energy_edges=datasets[0].counts.geom.axes["energy"].edges[[8, 12, 16, 20]],
        source="crab",
        selection_optional=["ul"],
        fit=Fit(optimize_opts={"tol": 1e-4}),
    ).run(datasets)
    table = points.to_table(sed_type="dnde")
    out["points"] = {name: table[name].tolist() for name in ("e_ref", "dnde", "dnde_err", "dnde_ul", "sqrt_ts")}
    out["fits"]["plain"] = fitted(datasets, shape(model))

    # the norm of MAGIC
    first, second = cutoff(), cutoff()
    second.index, second.lambda_ = first.index, first.lambda_
    datasets.models = [
        SkyModel(first, name="crab", datasets_names=hess),
        SkyModel(second, name="magic", datasets_names=magic),
    ]
    norm = fitted(datasets, shape(first) | {"magic": second.amplitude})
    norm["ratio"] = norm["parameters"]["magic"][0] / norm["parameters"]["amplitude"][0]
    out["fits"]["norm"] = norm

    # the energy scale of MAGIC
    first, second = cutoff(), ShiftedCutoff(index=2.2, amplitude="5e-11 cm-2 s-1 TeV-1", lambda_="0.15 TeV-1")
    second.index, second.lambda_, second.amplitude = first.index, first.lambda_, first.amplitude
    second.delta.prior = GaussianPrior(mu=0, sigma=SIGMA)
    datasets.models = [
        SkyModel(first, name="crab", datasets_names=hess),
        SkyModel(second, name="magic", datasets_names=magic),
    ]
    second.delta.value = 0.1
    out["shifted_stat"] = {"delta": 0.1, "data": float(datasets._stat_sum_likelihood())}
    second.delta.value = 0.0
    out["fits"]["scale"] = fitted(datasets, shape(first) | {"delta": second.delta})

    # priors
    model = cutoff()
    model.index.prior = GaussianPrior(mu=2.4, sigma=0.05)
    model.lambda_.prior = UniformPrior(min=0.0, max=0.1)  # gammapy takes the unit of the parameter
    model.lambda_.value = 0.08
    model.amplitude.prior = LogUniformPrior(min=1e-12, max=1e-9)
    datasets.models = [SkyModel(model, name="crab")]
    out["prior_stat"] = float(datasets.models.parameters.prior_stat_sum())
    out["fits"]["priors"] = fitted(datasets, shape(model))
    return out


if __name__ == "__main__":
    Path(__file__).with_name("joint_crab.json").write_text(json.dumps(record()) + "\n")

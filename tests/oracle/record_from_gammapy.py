"""Record what gammapy 2.1's own Analysis makes of the configurations in gammapy_configs.py. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_from_gammapy.py

from_gammapy.json: counts, background, statistic, best values, flux points, light curve and excess map of each.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from gammapy.analysis import Analysis, AnalysisConfig
from gammapy_configs import CONFIGS, MODELS


def record(name: str) -> dict:
    """The numbers of one configuration."""
    analysis = Analysis(AnalysisConfig.from_yaml(CONFIGS[name]))
    analysis.get_observations()
    analysis.get_datasets()
    numbers: dict = {"runs": analysis.observations.ids, "datasets": [_dataset(each) for each in analysis.datasets]}
    if analysis.config.datasets.type == "3d":  # before a model is set: gammapy subtracts it
        analysis.get_excess_map()
        significance = analysis.excess_map["sqrt_ts"].data
        numbers["excess_map"] = {"max": float(np.nanmax(significance)), "mean": float(np.nanmean(significance))}
    if name in MODELS:
        analysis.set_models(MODELS[name])
        analysis.run_fit()
        numbers["stat"] = float(analysis.fit_result.total_stat)
        free = analysis.models.parameters.free_parameters
        numbers["parameters"] = {each.name: [float(each.value), float(each.error)] for each in free}
    if analysis.config.flux_points.energy.min is not None:
        analysis.get_flux_points()
        table = analysis.flux_points.data.to_table(sed_type="dnde")
        numbers["flux_points"] = {key: table[key].data.tolist() for key in ("e_ref", "dnde", "dnde_err", "dnde_ul")}
    if analysis.config.light_curve.energy_edges.min is not None:
        analysis.get_light_curve()
        table = analysis.light_curve.to_table(format="lightcurve", sed_type="flux")
        numbers["light_curve"] = {key: table[key].data.ravel().tolist() for key in ("flux", "flux_err", "flux_ul")}
    return numbers


def _dataset(dataset) -> dict:
    info = dataset.info_dict()
    names = ("counts", "background", "excess", "sqrt_ts")
    found = {name: float(np.asarray(getattr(info[name], "value", info[name]))) for name in names}
    if getattr(dataset, "counts_off", None) is not None and dataset.tag != "MapDatasetOnOff":
        found["counts_off"] = float(info["counts_off"])
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    recorded = {name: record(name) for name in CONFIGS}
    Path(__file__).with_name("from_gammapy.json").write_text(json.dumps(recorded, indent=1) + "\n")

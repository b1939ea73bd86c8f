"""Light curves with gammapy 2.1's public API; run it with the Python of its own environment.

    python gammapy_curve.py OUT.json b [all|errors]                          # case B, needs GAMMAPY_DATA
    python gammapy_curve.py OUT.json read DATASETS.yaml MODELS.yaml SOURCE EDGE EDGE...   # datasets that we wrote
    python gammapy_curve.py OUT.json spectra DATASETS.yaml MODELS.yaml SOURCE MEMBERS.json

Case B: PKS 2155-304, all runs that point within 2 deg, reduced and fitted by gammapy itself, one flux a run. ``all``
asks for every optional column (with the scan and the sensitivity, as PERFORMANCE.md does), ``errors`` for asymmetric
errors and limits: what our light curve holds. spectra: one joint fit for each list of names of datasets in
MEMBERS.json. `check_curves.py` starts this and compares.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

START = time.perf_counter()
warnings.simplefilter("ignore")

import astropy.units as u  # noqa: E402
import numpy as np  # noqa: E402
from gammapy.datasets import Datasets  # noqa: E402
from gammapy.estimators import LightCurveEstimator  # noqa: E402
from gammapy.estimators.utils import compute_lightcurve_fpp, compute_lightcurve_fvar  # noqa: E402
from gammapy.modeling import Fit  # noqa: E402
from gammapy.modeling.models import Models, PowerLawSpectralModel, SkyModel  # noqa: E402
from gammapy_case_a import reduce_runs  # noqa: E402

COLUMNS = ("flux", "flux_err", "flux_errp", "flux_errn", "flux_ul")
SELECTIONS = {"all": "all", "errors": ["errn-errp", "ul"]}


def estimate(datasets: Datasets, source: str, edges: list[float], selection: str) -> tuple[dict, object]:
    """The columns of a light curve, one interval a run."""
    estimator = LightCurveEstimator(
        energy_edges=edges * u.TeV, source=source, reoptimize=False, selection_optional=SELECTIONS[selection]
    )
    curve = estimator.run(datasets)
    table = curve.to_table(sed_type="flux", format="lightcurve")
    numbers = {name: table[name].quantity.to_value("cm-2 s-1").tolist() for name in COLUMNS}
    numbers |= {"sqrt_ts": table["sqrt_ts"].tolist(), "time_min": table["time_min"].tolist()}
    for name, measure in (("fvar", compute_lightcurve_fvar), ("fpp", compute_lightcurve_fpp)):
        numbers[name] = np.asarray(measure(curve)[name], dtype=float).ravel().tolist()
    return numbers, curve


def case_b(times: dict[str, float]) -> Datasets:
    """Reduced and fitted datasets."""
    clock = time.perf_counter()
    datasets = reduce_runs("b")
    times["reduce"] = time.perf_counter() - clock
    clock = time.perf_counter()
    model = PowerLawSpectralModel(amplitude="1e-12 cm-2 s-1 TeV-1", index=2, reference="1 TeV")
    datasets.models = [SkyModel(model, name="pks2155")]
    Fit().run(datasets)
    times["fit"] = time.perf_counter() - clock
    return datasets


def fit_spectra(datasets: Datasets, models: Models, source: str, members: list[list[str]]) -> dict:
    """Free parameters of the source with errors for each group of datasets."""
    numbers = {"value": [], "error": [], "stat": []}
    for names in members:
        chosen = Datasets([datasets[name] for name in names])
        own = models[source].copy(name=source)
        chosen.models = [own]
        result = Fit().run(chosen)
        free = [parameter for parameter in own.parameters if not parameter.frozen]
        numbers["value"].append([parameter.value for parameter in free])
        numbers["error"].append([parameter.error for parameter in free])
        numbers["stat"].append(float(result.total_stat))
    return numbers


def main(out: Path, kind: str, rest: list[str]) -> None:
    times = {"import": time.perf_counter() - START}
    if kind == "spectra":
        clock = time.perf_counter()
        members = json.loads(Path(rest[3]).read_text())
        numbers = fit_spectra(Datasets.read(rest[0]), Models.read(rest[1]), rest[2], members)
        times["spectra"] = time.perf_counter() - clock
        out.write_text(json.dumps({"times_s": times, **numbers}))
        return
    if kind == "b":
        datasets, source, edges, selection = case_b(times), "pks2155", [1.0, 20.0], (rest or ["all"])[0]
    else:
        datasets = Datasets.read(rest[0])
        datasets.models = Models.read(rest[1])
        source, edges, selection = rest[2], [float(edge) for edge in rest[3:]], "errors"
    clock = time.perf_counter()
    numbers, curve = estimate(datasets, source, edges, selection)
    times["light curve"] = time.perf_counter() - clock
    curve.write(out.with_suffix(".fits"), format="lightcurve", overwrite=True)
    times["total"] = time.perf_counter() - START
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out.write_text(json.dumps({"times_s": times, "memory_MB": memory, **numbers}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])

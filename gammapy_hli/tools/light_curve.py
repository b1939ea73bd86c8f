"""The light curve: the flux of a source in intervals of time."""

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import ConfigError, InputError, MissingStepError, Problem
from gammapy_hli.base.names import slug
from gammapy_hli.components.folding import FoldingOptions
from gammapy_hli.components.intervals import asked_grid, edge_problems, range_problems
from gammapy_hli.components.periodogram import PeriodogramOptions
from gammapy_hli.core.component import Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Choice, Float, List, Quantity, QuantityList, Str, Time
from gammapy_hli.run.context import RunContext
from gammapy_hli.tools.kept_spectra import fitted_spectra
from gammapy_hli.tools.source_choice import source_name

INTERVALS = ("selection", "runs", "nights", "length", "edges", "ranges", "adaptive", "bayesian-blocks")
GIVEN = ("length", "edges", "ranges")
"""Ways of `intervals` that need an option of the same name."""
EXAMPLES = {
    "length": "30 min",
    "edges": "[2006-07-29T20:00:00, 2006-07-30T04:00:00]",
    "ranges": "[[2006-07-29T20:00:00, 2006-07-30T04:00:00]]",
}


class LightCurveTool(Tool):
    """Flux of a source in intervals of time and bands of energy, with errors, upper limits and its variability."""

    section = "light_curve"
    requires = ("fit_result", "datasets")
    gathers = ("observations",)
    produces = "light_curve"

    source = Str(None, help="Name of the source; null for the only one of the model.", level="basic")
    intervals = Choice(
        INTERVALS,
        "selection",
        help="selection: those that cut the runs, else runs; length, edges, ranges: whole datasets in intervals of a "
        "length, between edges, with start and stop each; adaptive: neighbors until a significance; bayesian-blocks: "
        "neighbors of equal flux.",
        level="basic",
    )
    length = Quantity(None, unit="s", above="0 s", help="Length of the intervals (length).")
    begin = Time(None, help="Start of the first interval (length); null: that of the first dataset.")
    edges = List(Time(), None, min_length=2, help="Edges of the intervals (edges).")
    ranges = List(List(Time(), length=2), None, min_length=1, help="Start and stop of each interval (ranges).")
    significance = Float(5, above=0, help="Significance that ends an interval (adaptive).")
    false_alarm = Float(0.01, above=0, max=1, help="Chance of a change that is not there (bayesian-blocks).")
    energy_edges = QuantityList(
        None,
        unit="TeV",
        above="0 TeV",
        increasing=True,
        min_length=2,
        help="Edges of the energy bands, rounded to edges of the datasets; null: one band, all energies.",
        level="basic",
    )
    spectral_shape = Choice(
        ("fixed", "refit"),
        "fixed",
        help="fixed: the shape of the fit, with a norm free; refit: all free spectral parameters of the source are "
        "fitted in each interval, and told with errors; slower.",
        level="basic",
    )
    per_interval = Choice(("joint", "stack"), "joint", help="Fit the datasets of an interval jointly, or their sum.")
    n_sigma = Float(1, above=0, help="Confidence of the errors, in sigma.")
    n_sigma_ul = Float(2, above=0, help="Confidence of the upper limits, in sigma.", level="basic")
    periodogram = Slot(
        PeriodogramOptions, optional=True, help="Lomb-Scargle periodogram, {} for its defaults; null for none."
    )
    folding = Slot(FoldingOptions, optional=True, help="Fold the light curve with an ephemeris; null for none.")

    def check(self) -> Iterable[Problem]:
        yield from edge_problems(self, "edges")
        yield from range_problems(self, "ranges")
        chosen = self.stored("intervals")
        for name in GIVEN:
            if self.stored(name) is not None and chosen != name:
                place = self.place_of("intervals")
                yield self.problem(name, f"is not used by intervals {place}", hint=f"write intervals: {name}")

    def check_complete(self) -> Iterable[Problem]:
        chosen = self.stored("intervals")
        if chosen in GIVEN and self.stored(chosen) is None:
            message = f"is needed for intervals {self.place_of('intervals')}"
            yield self.problem(chosen, message, code="missing", hint=f"write {chosen}: {EXAMPLES[chosen]}")

    def check_inputs(self) -> None:
        """Intervals in several time scales can only be compared as times; looked at before any step runs."""
        try:
            self._asked_intervals()
        except InputError as error:
            raise ConfigError(self.problem(self.intervals, str(error), code="order")) from None

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        from gammapy_hli.engine.estimate.energy_bands import words_of_dropped  # late: loads numpy and astropy
        from gammapy_hli.engine.estimate.interval_bins import band_edges

        self._context = context or RunContext()
        self._fit = inputs["fit_result"]
        given = inputs["datasets"]
        self._reductions = tuple(given) if isinstance(given, tuple) else (given,)
        self._datasets = tuple(dataset for reduction in self._reductions for dataset in reduction)
        self._observations = _as_tuple(inputs)
        self._source = source_name(self, self._fit.models)
        if self._datasets:
            axis = self._datasets[0].energy
            band_edges(axis, self.energy_edges)
            if words := words_of_dropped(axis, self.energy_edges, "band"):
                self._context.logger.warning(words)

    def finish(self) -> Any:
        from gammapy_hli.engine.estimate.light_curve import estimate_light_curve  # late: loads numpy and astropy

        bins = self.time_bins()
        for name, reason in bins.left_out.items():
            self._context.logger.warning("dataset %s is in no interval: %s", name, reason)
        self._tell_notes(bins)
        curve = estimate_light_curve(
            self._datasets,
            self._fit.models,
            self._source,
            bins,
            energy_edges=self.energy_edges,
            n_sigma=self.n_sigma,
            n_sigma_ul=self.n_sigma_ul,
            per_interval=self.per_interval,
            energy_range=self._fit.energy_range,
            nuisances=self._fit.nuisances,
            lost=self._lost_intervals() if self.intervals == "selection" else None,
            fits=self._spectra(bins) if self.spectral_shape == "refit" else None,
            folding=self._folding(bins),
            periodogram=None if self.periodogram is None else self.periodogram.plan(),
        )
        self._tell_periods(curve.periodogram)
        return curve

    def _tell_periods(self, found: Any) -> None:
        """A word where the highest power of a periodogram is no period."""
        for band in range(0 if found is None else len(found.e_min)):
            if found.is_at_edge[band]:
                low, high, words = found.e_min[band], found.e_max[band], found.edge_text(band)
                self._context.logger.warning("periodogram, %.3g to %.3g TeV: %s", low, high, words)

    def _tell_notes(self, bins: Any) -> None:
        """A word on intervals below the wanted significance: the last one may be, all of them is to be looked at."""
        for name, note in bins.notes.items():
            if len(bins) == 1:
                self._context.flag(f"the only interval, {name}: {note}; lower significance to have more intervals")
            else:
                self._context.logger.warning("the last interval, %s: %s", name, note)

    def _folding(self, bins: Any) -> Any:
        """The folding, and a word where intervals are too long for it."""
        if self.folding is None:
            return None
        folding = self.folding.folding()
        smeared = folding.smeared(bins)
        if smeared:
            message = "folding: %d of %d intervals are longer than a bin of phase (%s, ...): its edges are smeared"
            self._context.logger.warning(message, len(smeared), len(bins), smeared[0])
        return folding

    def _spectra(self, bins: Any) -> Any:
        """The spectrum of each interval, in as many processes as there are."""
        from gammapy_hli.engine.estimate.interval_spectra import interval_works  # late: loads numpy and astropy

        works = interval_works(
            self._datasets,
            self._fit.models,
            self._source,
            bins,
            per_interval=self.per_interval,
            energy_range=self._fit.energy_range,
            nuisances=self._fit.nuisances,
        )
        return fitted_spectra(self._context, list(works), self.section, self.recipe_version)

    def time_bins(self) -> Any:
        """The intervals with their datasets."""
        from gammapy_hli.engine.estimate import time_bins, time_blocks  # late: loads numpy and astropy

        datasets, chosen = self._datasets, self.intervals
        if chosen == "runs":
            return time_bins.bins_by_run(datasets)
        if chosen == "nights":
            return time_bins.bins_by_night(datasets)
        if chosen == "length":
            return time_bins.bins_of_length(datasets, self.length, self.begin)
        if chosen in ("edges", "ranges"):
            return time_bins.bins_of_intervals(datasets, self._asked_intervals(), tell_empty=True)
        cut = self._cutting()
        if cut is None:
            found = time_bins.bins_by_run(datasets)
        else:
            tell_empty = chosen == "selection" and cut.intervals_are_asked
            found = time_bins.bins_of_intervals(datasets, cut.intervals, tell_empty=tell_empty)
        if chosen == "adaptive" and not any(hasattr(dataset, "geometry") for dataset in datasets):
            return time_blocks.adaptive_bins(datasets, found, self.significance, self.energy_edges)
        held: dict[str, Any] = {
            "energy_edges": self.energy_edges,
            "energy_range": self._fit.energy_range,
            "nuisances": self._fit.nuisances,
        }
        if chosen == "adaptive":
            return time_blocks.adaptive_map_bins(
                datasets, self._fit.models, self._source, found, self.significance, **held
            )
        if chosen == "bayesian-blocks":
            more = {"false_alarm": self.false_alarm, "per_interval": self.per_interval}
            return time_blocks.block_bins(datasets, self._fit.models, self._source, found, **more, **held)
        return found

    def _asked_intervals(self) -> Any:
        """The intervals that edges or ranges give; None for other ways."""
        if self.intervals not in ("edges", "ranges") or getattr(self, self.intervals) is None:
            return None
        return asked_grid(self).intervals(None)

    def _cutting(self) -> Any:
        """The observations whose intervals cut the datasets; None where the datasets are whole runs."""
        names = {dataset.name.rpartition("-")[2] for dataset in self._datasets}
        found = [each for each in self._observations if each.parts and names & set(each.parts)]
        return found[0] if found else None

    def _lost_intervals(self) -> dict[str, tuple[float, float, str]]:
        """Intervals that held parts of runs, none of which could be reduced."""
        cut = self._cutting()
        if cut is None:
            return {}
        dropped: dict[str, str] = {}
        for reduction in self._reductions:
            of_runs: dict[str, str] = getattr(reduction, "dropped", {})
            dropped |= {name.rpartition("-")[2]: reason for name, reason in of_runs.items()}
        reasons: dict[int, list[str]] = {}
        for name, (_, number) in cut.parts.items():
            reasons.setdefault(number, []).append(dropped.get(name, ""))
        intervals = cut.intervals
        return {
            str(number): (
                float(intervals.start[number]),
                float(intervals.stop[number]),
                "; ".join(dict.fromkeys(texts)),
            )
            for number, texts in reasons.items()
            if all(texts)
        }

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.products.light_curve import LightCurve  # late: loads astropy

        found = sorted(folder.glob("*.fits"))
        if len(found) != 1:
            raise InputError(f"{folder}: {len(found)} files of light curves; expected one. Run the step again")
        return LightCurve.read(found[0])

    def write_product(self, product: Any, folder: FilePath) -> None:
        for suffix in ("fits", "ecsv"):
            product.write(folder / f"{slug(product.source)}.{suffix}")
        for name, part in product.parts.items():
            part.write(folder / f"{slug(product.source)}-{name}.ecsv")

    def summary_numbers(self, product: Any) -> dict[str, Any]:
        """Headline numbers by source: fluxes as a list of intervals of lists of bands; null where there is none."""
        columns = {
            "time_min_mjd": product.time_min,
            "time_max_mjd": product.time_max,
            "e_min_TeV": product.e_min,
            "e_max_TeV": product.e_max,
            "flux": product.flux.to_value("cm-2 s-1"),
            "flux_err": product.flux_err.to_value("cm-2 s-1"),
            "flux_ul": product.flux_ul.to_value("cm-2 s-1"),
            "sqrt_ts": product.sqrt_ts,
        }
        numbers = {name: values.tolist() for name, values in columns.items()}
        parts = {name: _numbers_of(part) for name, part in product.parts.items()}
        return {product.source: {"n_intervals": len(product), **numbers, **product.variability.to_dict(), **parts}}


def _numbers_of(part: Any) -> dict[str, Any]:
    """Headline numbers of a part of a light curve."""
    columns = {"spectra": ("value", "error", "flux", "flux_err"), "folded": ("phase_min", "phase_max", "norm")}
    wanted = columns.get(part.hdu_name.lower(), ())
    told = {"is_at_edge": part.is_at_edge.tolist()} if hasattr(part, "is_at_edge") else {}
    return {**{name: getattr(part, name).tolist() for name in wanted}, **part.facts, **told}


def _as_tuple(inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Products of all selections that are there."""
    try:
        given = inputs.get("observations")
    except MissingStepError:  # a selection that has not run
        return ()
    if given is None:
        return ()
    return tuple(given) if isinstance(given, tuple) else (given,)

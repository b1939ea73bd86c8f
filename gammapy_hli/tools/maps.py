"""Maps of the sky: excess, significance, residuals of the model, test statistic."""

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import InputError, Problem
from gammapy_hli.components.peaks import Peaks
from gammapy_hli.core.chain import steps_of
from gammapy_hli.core.component import Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Bool, Choice, Float, List, Quantity, QuantityList


class MapsTool(Tool):
    """Smooth images or map datasets over a disk and write every map of that kind."""

    section = "maps"
    requires = ("datasets",)
    uses = ("fit_result",)
    produces = "maps"

    products = List(
        Choice(("excess", "significance", "residual", "ts", "peaks")),
        ["excess", "significance"],
        unique=True,
        help="excess (with counts, background, error), significance, ts (with flux); residual of the fitted model; "
        "peaks: a table of the maxima of ts, or of significance where there is no ts.",
        level="basic",
    )
    correlation_radius = Quantity(
        "0.1 deg", unit="deg", above="0 deg", help="Radius of the disk around every pixel.", level="basic"
    )
    correlate_off = Bool(True, help="Sum the off counts over the disk too; false takes those of the pixel (ring).")
    energy_edges = QuantityList(
        None,
        unit="TeV",
        above="0 TeV",
        increasing=True,
        min_length=2,
        help="Edges of the energy bands; null: one band over all energies.",
    )
    limits = Bool(False, help="Also upper limits of excess and ts flux, and asymmetric errors of the excess.")
    n_sigma = Float(1, above=0, help="Confidence of the errors, in sigma.")
    n_sigma_ul = Float(2, above=0, help="Confidence of the upper limits, in sigma.")
    ts_index = Float(2, help="Photon index of the point source that the ts map looks for, and of fluxes of the excess.")
    peaks = Slot(Peaks)
    flux_maps = Bool(
        True, help="Also files of gammapy's FluxMaps, flux_maps_excess.fits and flux_maps_ts.fits, for these products."
    )
    ts_kernel_width = Quantity("0.6 deg", unit="deg", above="0 deg", help="Width of its kernel.")

    def check(self) -> Iterable[Problem]:
        has_fit = (
            any(step.partition("@")[0] == "fit" for step in steps_of(self.root)) if self.owner is not None else True
        )
        if "residual" in self.stored("products") and not has_fit:
            yield self.problem(
                "products",
                "residual is that of the fitted model, but no fit is in steps",
                hint="add model and fit to steps, or take it out",
            )
        if "peaks" in self.stored("products") and not {"ts", "significance"} & set(self.stored("products")):
            yield self.problem(
                "products",
                f"peaks are those of ts or significance, which are not in {self.place_of('products')}",
                hint="add ts",
            )

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        from gammapy_hli.engine.estimate.energy_bands import map_bands  # late: loads numpy and astropy

        self._reductions = inputs["datasets"]
        self._dataset = _one_map(self._reductions)
        map_bands(self._dataset.energy, self.energy_edges)
        self._fit = inputs.get("fit_result")
        self._nuisances = self._nuisances_of(inputs["datasets"])

    def _nuisances_of(self, reductions: Any) -> tuple[Any, ...]:
        """What the fit found for the instrument whose map it is; that of a sum is shared by all that is added."""
        if self._fit is None or not self._fit.nuisances or "residual" not in self.products:
            return ()
        from gammapy_hli.engine.models.nuisance import nuisances_of_sum  # late: loads astropy
        from gammapy_hli.engine.products.reduction import all_datasets

        parts = [dataset.name for dataset in all_datasets(reductions)]
        return nuisances_of_sum(self._fit.nuisances, parts, self._dataset.name)

    def finish(self) -> Any:
        from gammapy_hli.engine.products.map_set import MapSet  # late: loads numpy and astropy

        maps: dict[str, Any] = {}
        fluxes: dict[str, Any] = {}
        if {"excess", "significance"} & set(self.products):
            maps |= self._excess_maps(fluxes)
        if "significance" in self.products:
            maps |= self._off_significance()
        if "residual" in self.products:
            maps |= self._residual_maps()
        if "ts" in self.products:
            maps |= self._ts_maps(fluxes)
        peaks = self._find_peaks(maps) if "peaks" in self.products else None
        numbers = _numbers(maps)
        if peaks is not None:
            numbers["peaks"] = {"n": len(peaks), "max": max(peaks["sqrt_ts"].tolist(), default=None)}
        return MapSet(maps, numbers, fluxes, peaks)

    def _find_peaks(self, maps: Mapping[str, Any]) -> Any:
        from gammapy_hli.engine.estimate.detect import find_peaks_in_bands  # late: loads numpy and astropy

        significance = maps["sqrt_ts"] if "sqrt_ts" in maps else maps["significance"]
        return find_peaks_in_bands(significance, self.peaks.threshold, self.peaks.min_distance)

    def _excess_maps(self, fluxes: dict[str, Any]) -> dict[str, Any]:
        """Maps of the excess; its flux maps are added to `fluxes`."""
        from gammapy_hli.engine.estimate.excess_map import estimate_excess_maps  # late: loads scipy
        from gammapy_hli.engine.estimate.flux_map_set import flux_maps_of_excess

        source = self._point_source()
        has_flux = self.flux_maps and "excess" in self.products and self._dataset.exposure is not None
        found = estimate_excess_maps(
            self._dataset,
            self.correlation_radius,
            energy_edges=self.energy_edges,
            correlate_off=self.correlate_off,
            n_sigma=self.n_sigma,
            n_sigma_ul=self.n_sigma_ul,
            asymmetric=self.limits,
            spectral=source.spectral if has_flux else None,
        )
        if has_flux:
            fluxes["excess"] = flux_maps_of_excess(found, source, self._dataset.gti)
        wanted = {name for name in found if not name.startswith("flux")}
        wanted &= wanted if "excess" in self.products else {"significance"}
        if "significance" not in self.products:
            wanted -= {"significance"}
        return {name: sky_map for name, sky_map in found.items() if name in wanted}

    def _off_significance(self) -> dict[str, Any]:
        """Significance off the excluded sky; nothing where none was excluded."""
        from gammapy_hli.engine.estimate.excess_map import estimate_off_significance  # late: loads scipy
        from gammapy_hli.engine.products.reduction import allowed_sky

        allowed = allowed_sky(self._reductions, self._dataset.geometry)
        if allowed is None or allowed.all() or not (allowed & self._dataset.safe_image).any():
            return {}
        options = {"energy_edges": self.energy_edges, "correlate_off": self.correlate_off}
        found = estimate_off_significance(self._dataset, self.correlation_radius, allowed, **options)
        return {"significance_off": found}

    def _residual_maps(self) -> dict[str, Any]:
        from gammapy_hli.engine.estimate.residual_map import estimate_residual_maps  # late: loads scipy
        from gammapy_hli.engine.predict.map_total import predict_map

        if self._fit is None:
            raise InputError(f"{self.dotted_path}.products: residual needs the product of a fit")
        npred = predict_map(self._dataset, self._fit.models, self._nuisances).npred
        return estimate_residual_maps(self._dataset, npred, self.correlation_radius, energy_edges=self.energy_edges)

    def _point_source(self) -> Any:
        """The source that is looked for, and whose spectrum fluxes refer to."""
        from gammapy_hli.engine.models.build import make_spectral  # late: loads numpy and astropy
        from gammapy_hli.engine.models.sky_model import SkyModel
        from gammapy_hli.engine.models.spatial import SpatialModel

        shape = SpatialModel("point", frame=self._dataset.geometry.frame)
        return SkyModel("point", make_spectral("pl", index=self.ts_index), shape)

    def _ts_maps(self, fluxes: dict[str, Any]) -> dict[str, Any]:
        """Maps of the test statistic; its flux maps are added to `fluxes`."""
        from gammapy_hli.engine.estimate.flux_map_set import flux_maps_of_ts  # late: loads scipy
        from gammapy_hli.engine.estimate.ts_map import estimate_ts_maps
        from gammapy_hli.engine.predict.map_total import predict_map

        source = self._point_source()
        background = None if self._fit is None else predict_map(self._dataset, self._fit.models).background
        found = estimate_ts_maps(
            self._dataset,
            source,
            background,
            energy_edges=self.energy_edges,
            kernel_width=self.ts_kernel_width,
            limits=self.limits,
            n_sigma=self.n_sigma,
            n_sigma_ul=self.n_sigma_ul,
        )
        if self.flux_maps:
            fluxes["ts"] = flux_maps_of_ts(found, source, self._dataset.gti)
        return found

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.products.map_set import MapSet  # late: loads astropy

        return MapSet.read(folder)

    def write_product(self, product: Any, folder: FilePath) -> None:
        product.write(folder)

    def summary_numbers(self, product: Any) -> dict[str, Any]:
        """Headline numbers by map."""
        return dict(product.numbers)


def _one_map(reductions: Any) -> Any:
    """The map dataset of a reduction, or of several; they are added."""
    from gammapy_hli.engine.datasets.map import MapDataset  # late: loads numpy and astropy
    from gammapy_hli.engine.datasets.map_stack import stack_maps
    from gammapy_hli.engine.products.reduction import all_datasets

    datasets = all_datasets(reductions)
    wrong = [dataset.name for dataset in datasets if not isinstance(dataset, MapDataset)]
    if wrong:
        raise InputError(f"maps: {', '.join(wrong)} are spectra; set reduction.type to image or map")
    return datasets[0] if len(datasets) == 1 else stack_maps(datasets)


def _numbers(maps: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Largest and smallest value of each map, None where it has none; mean and std off the sources."""
    import numpy as np  # late: help needs none

    numbers: dict[str, dict[str, float | None]] = {}
    for name, one in maps.items():
        values = one.data[np.isfinite(one.data)].astype(np.float64)
        wanted = ("max", "min", "mean", "std") if name == "significance_off" else ("max", "min")
        numbers[name] = {what: float(getattr(values, what)()) if len(values) else None for what in wanted}
    return numbers

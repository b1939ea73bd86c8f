"""The sum of map datasets, one at a time: memory does not grow with their number (NUMERICS B.13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_masks import nearest_mask, touched_mask
from gammapy_hli.engine.datasets.map_stack_irf import IrfSum, box_of
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.gti import Gti
    from gammapy_hli.engine.geom.wcs_geometry import Slices, WcsGeometry


class MapStacker:
    """Adds map datasets inside their safe masks into one target.

    With m the safe mask of a dataset and a = any(m) over energy:

    * counts, background, counts_off, acceptance: sum of value m; values that are not finite count as 0
    * exposure: sum of value a; livetime: sum over datasets with a safe pixel
    * psf = sum(psf e a) / sum(e a) with e the exposure of the psf, and a in the nearest counts pixel
    * edisp = sum(edisp e m) / sum(e any(m)), with m where any counts pixel touches: rows sum to less than one where
      some datasets are masked
    * acceptance_off = acceptance sum(off) / sum(alpha off); in bins without off counts the sum of value m
    * masks: or; gti: union; meta: one entry an observation

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels of the sum. Datasets lie on the same grid and may be smaller or reach beyond it.
    energy, energy_true : Axis
    irf_geometry : WcsGeometry, optional
        Pixels of psf and edisp of the sum; default those of 0.2 deg over the same sky.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
    >>> geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 2 * u.deg, 0.5 * u.deg)
    >>> energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> true = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=3, name="energy_true")
    >>> stacker = MapStacker(geometry, energy, true)
    >>> for run in ("1", "2"):
    ...     stacker.add(MapDataset(run, geometry, energy, true, counts=np.ones((2, 4, 4))))
    >>> float(stacker.result().counts.sum())
    64.0
    """

    def __init__(
        self, geometry: WcsGeometry, energy: Axis, energy_true: Axis, irf_geometry: WcsGeometry | None = None
    ) -> None:
        self.geometry = geometry
        self.energy = energy
        self.energy_true = energy_true
        self.irf_geometry = geometry.irf_geometry() if irf_geometry is None else irf_geometry
        self.n_datasets = 0
        self._kind: type[MapDataset] | None = None
        self._sums: dict[str, np.ndarray] = {}
        self._irfs: dict[str, IrfSum] = {}
        self._gti: Gti | None = None
        self._livetime = Quantity(0, "s")
        self._meta: dict[str, list[Any]] | None = None

    def add(self, dataset: MapDataset) -> None:
        """Add one dataset; it is not kept.

        Raises
        ------
        InputError
            Another kind, other axes, another pixel grid, or a place outside of the target. The sum is unchanged.
        """
        here, there = self._check(dataset)
        mask = dataset.safe[(..., *there)]
        image = np.asarray(mask.any(axis=0))
        for name in ("counts", "background"):
            if not (name == "background" and dataset.statistic == "wstat"):
                self._add_masked(name, getattr(dataset, name), here, there, mask)
        if dataset.exposure is not None:
            self._add_masked("exposure", dataset.exposure.value, here, there, image)
        if isinstance(dataset, MapDatasetOnOff):
            self._add_off(dataset, here, there, mask)
        self._add_irfs(dataset)
        self._add_mask("mask_safe", mask, here)
        if dataset.mask_fit is not None:
            self._add_mask("mask_fit", dataset.mask_fit[(..., *there)], here)
        livetime = dataset.livetime if image.any() else Quantity(0, "s")
        self._add_facts(livetime, dataset.gti, dataset.meta)
        self._kind = type(dataset)
        self.n_datasets += 1

    def result(self, name: str = "stacked") -> MapDataset:
        """The sum so far.

        Raises
        ------
        InputError
            Nothing was added.
        """
        if self._kind is None:
            raise InputError("stack: no datasets given; expected at least one")
        arrays: dict[str, Any] = {key: values.copy() for key, values in self._sums.items()}
        if "exposure" in arrays:
            arrays["exposure"] = Quantity(arrays["exposure"], EXPOSURE_UNIT, copy=False)
        if issubclass(self._kind, MapDatasetOnOff) and "counts_off" in arrays:
            arrays["acceptance_off"] = _acceptance_off(arrays)
            del arrays["background"]
        arrays |= {key: irf.result() for key, irf in self._irfs.items()}
        return self._kind(
            name=name,
            geometry=self.geometry,
            energy=self.energy,
            energy_true=self.energy_true,
            gti=self._gti,
            livetime=self._livetime,
            meta=self._meta or {},
            **arrays,
        )

    def merge(self, other: MapStacker) -> None:
        """Add what another sum holds, whose pixels are some of these or all; it is not kept.

        Raises
        ------
        InputError
            Another kind or another pixel grid.
        """
        if other._kind is None:
            return
        if self._kind not in (None, other._kind):
            raise InputError(f"stack: sums of {other._kind.__name__} and {self._kind.__name__}; stack them apart")
        overlap = self.geometry.overlap(other.geometry)
        for name, values in other._sums.items():
            if overlap is not None:
                total = self._total(name, values.shape, values.dtype.type)[(..., *overlap[0])]
                (np.logical_or if values.dtype == bool else np.add)(total, values[(..., *overlap[1])], out=total)
        for name, irf in other._irfs.items():
            total_irf = self._irfs.get(name) or irf.empty(self.irf_geometry)
            total_irf.merge(irf)
            self._irfs[name] = total_irf
        self._add_facts(other._livetime, other._gti, other._meta or {})
        self._kind = other._kind
        self.n_datasets += other.n_datasets

    def trimmed(self) -> MapStacker:
        """The same sum on the smallest box of pixels that holds anything; whole arrays are shared, not copied."""
        is_filled = [values.any(axis=0) for name, values in self._sums.items() if name.startswith("mask")]
        box = box_of(np.any(is_filled, axis=0)) if is_filled else box_of(np.zeros(self.geometry.shape, dtype=bool))
        part = copy(self)
        part.geometry = self.geometry.part(box).geometry
        part._sums = {name: np.ascontiguousarray(values[(..., *box)]) for name, values in self._sums.items()}
        part._irfs = {name: irf.trimmed() for name, irf in self._irfs.items()}
        return part

    def state(self) -> dict[str, Any]:
        """What was added so far, for `restore`; the arrays are those of the sum, not copies."""
        return {
            "kind": None if self._kind is None else self._kind.__name__,
            "n_datasets": self.n_datasets,
            "sums": dict(self._sums),
            "irfs": dict(self._irfs),
            "gti": self._gti,
            "livetime": self._livetime,
            "meta": self._meta,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another sum of the same geometry and axes was; arrays are copied. All or nothing."""
        kinds: dict[str | None, type[MapDataset] | None] = {
            each.__name__: each for each in (MapDataset, MapDatasetOnOff)
        }
        kind, meta = (kinds | {None: None})[state["kind"]], state["meta"]
        sums = {name: np.array(values) for name, values in state["sums"].items()}
        irfs = {
            name: replace(irf, weighted=np.array(irf.weighted), exposure=np.array(irf.exposure))
            for name, irf in state["irfs"].items()
        }
        facts = state["n_datasets"], state["gti"], state["livetime"]
        self._kind, self._sums, self._irfs = kind, sums, irfs
        self.n_datasets, self._gti, self._livetime = facts
        self._meta = None if meta is None else {key: list(entries) for key, entries in meta.items()}

    def _check(self, dataset: MapDataset) -> tuple[Slices, Slices]:
        if self._kind is not None and type(dataset) is not self._kind:
            raise InputError(
                f"stack: {dataset.name} is a {type(dataset).__name__}, those before it are {self._kind.__name__}; "
                "stack those with and without off counts apart"
            )
        for axis in ("energy", "energy_true"):
            mine, other = getattr(self, axis), getattr(dataset, axis)
            if not mine.same_as(other):
                raise InputError(
                    f"stack: the {axis} axis of {dataset.name} has {other.nbin} bins from {other.edges[0]:.4g} to "
                    f"{other.edges[-1]:.4g}, that of the sum {mine.nbin} from {mine.edges[0]:.4g} to "
                    f"{mine.edges[-1]:.4g}; reduce them with one axis"
                )
        try:
            overlap = self.geometry.overlap(dataset.geometry)
        except ValueError as error:
            raise InputError(f"stack: {dataset.name}: {error}") from None
        if overlap is None:
            raise InputError(f"stack: {dataset.name} lies outside of the map; leave it out")
        if isinstance(dataset, MapDatasetOnOff) and dataset.safe.any():
            missing = [_ for _ in ("counts_off", "acceptance", "acceptance_off") if getattr(dataset, _) is None]
            if missing:
                raise InputError(f"stack: {dataset.name} has safe bins but no {', '.join(missing)}; leave it out")
        for name in ("psf", "edisp"):
            self._irf_sum(name, dataset)
        return overlap

    def _irf_sum(self, name: str, dataset: MapDataset) -> IrfSum | None:
        """The sum that a response of a dataset goes to, checked."""
        irf = getattr(dataset, name)
        if irf is None:
            return None
        total = self._irfs.get(name) or IrfSum.like(irf, self.irf_geometry)
        total.check(irf, f"stack: {name} of {dataset.name}")
        return total

    def _total(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        if name not in self._sums:
            self._sums[name] = np.zeros((*shape[:-2], *self.geometry.shape), dtype=dtype)
        return self._sums[name]

    def _add_masked(self, name: str, values: Any, here: Slices, there: Slices, mask: np.ndarray) -> None:
        if values is None:
            return
        part = values[(..., *there)]
        total = self._total(name, values.shape)[(..., *here)]
        for sum_of, plane, is_safe in zip(total, part, np.broadcast_to(mask, part.shape), strict=True):
            is_finite = np.isfinite(plane)  # one plane at a time stays in the cache of the processor
            np.add(sum_of, plane, out=sum_of, where=is_safe if is_finite.all() else is_safe & is_finite)

    def _add_mask(self, name: str, mask: np.ndarray, here: Slices) -> None:
        self._total(name, mask.shape, bool)[(..., *here)] |= mask

    def _add_off(self, dataset: MapDatasetOnOff, here: Slices, there: Slices, mask: np.ndarray) -> None:
        for name in ("counts_off", "acceptance", "acceptance_off", "background"):
            self._add_masked(name, getattr(dataset, name), here, there, mask)

    def _add_irfs(self, dataset: MapDataset) -> None:
        for name, on_irf in (("psf", nearest_mask), ("edisp", touched_mask)):
            total, irf = self._irf_sum(name, dataset), getattr(dataset, name)
            if total is None:
                continue
            mask = dataset.safe if isinstance(irf, EdispKernelMap) else dataset.safe_image[np.newaxis]
            total.add(irf, on_irf(mask, dataset.geometry, irf.geometry))
            self._irfs[name] = total

    def _add_facts(self, livetime: Quantity, gti: Gti | None, meta: Mapping[str, Sequence[Any]]) -> None:
        self._livetime = self._livetime + livetime
        if gti is not None:
            self._gti = gti if self._gti is None else self._gti.union([self._gti, gti])
        if self._meta is None:
            self._meta = {key: list(entries) for key, entries in meta.items()}
        else:
            common = [key for key in self._meta if key in meta]
            self._meta = {key: [*self._meta[key], *meta[key]] for key in common}


def stack_maps(
    datasets: Iterable[MapDataset],
    name: str = "stacked",
    geometry: WcsGeometry | None = None,
    irf_geometry: WcsGeometry | None = None,
) -> MapDataset:
    """Add map datasets inside their safe masks; see MapStacker for the rules.

    Parameters
    ----------
    datasets : iterable of MapDataset
        Of one kind, with equal axes, on one pixel grid. Taken one by one where `geometry` is given.
    name : str
    geometry, irf_geometry : WcsGeometry, optional
        Pixels of the sum and of its responses; default the smallest box that holds those of all datasets.

    Raises
    ------
    InputError
        No dataset, or one that does not fit to those before it.
    """
    if geometry is None:
        datasets = list(datasets)
        if not datasets:
            raise InputError("stack: no datasets given; expected at least one")
        geometry = _box_of([dataset.geometry for dataset in datasets], "maps")
        if irf_geometry is None:
            irfs = [irf.geometry for dataset in datasets for irf in (dataset.psf, dataset.edisp) if irf is not None]
            irf_geometry = _box_of(irfs, "responses") if irfs else None
    stacker: MapStacker | None = None
    for dataset in datasets:
        if stacker is None:
            stacker = MapStacker(geometry, dataset.energy, dataset.energy_true, irf_geometry)
        stacker.add(dataset)
    if stacker is None:
        raise InputError("stack: no datasets given; expected at least one")
    return stacker.result(name)


def _box_of(geometries: Sequence[WcsGeometry], what: str) -> WcsGeometry:
    try:
        return smallest_box(geometries)
    except ValueError as error:
        raise InputError(f"stack: {what} that have no sum: {error}") from None


def smallest_box(geometries: Sequence[WcsGeometry]) -> WcsGeometry:
    """The smallest geometry on the grid of some aligned ones that holds all of their pixels.

    Raises
    ------
    ValueError
        They are not aligned.
    """
    first = geometries[0]
    for other in geometries[1:]:
        first.overlap(other)  # raises where they are not on one grid
    lower = np.max([one.crpix for one in geometries], axis=0)
    upper = np.max([np.subtract(one.shape[::-1], one.crpix) for one in geometries], axis=0)
    nx, ny = (int(n) for n in np.rint(lower + upper))
    if (ny, nx) == first.shape:
        return first
    return replace(first, crpix=(float(lower[0]), float(lower[1])), shape=(ny, nx))


def _acceptance_off(sums: dict[str, Any]) -> np.ndarray:
    """Off acceptance such that alpha is the mean weighted by off counts; where there are none it is the plain sum."""
    acceptance, counts_off, background = sums["acceptance"], sums["counts_off"], sums["background"]
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = acceptance * counts_off / background
    return np.where(counts_off > 0, np.nan_to_num(weighted, posinf=0), sums["acceptance_off"])

"""The selection: which runs of a data store are analyzed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import InputError, Problem
from gammapy_hli.base.leap_seconds import future_allowed
from gammapy_hli.components.cone import ConeSearch
from gammapy_hli.components.intervals import Intervals
from gammapy_hli.components.sky import make_position
from gammapy_hli.core.component import Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Choice, Int, List, OneOrMore, Path, Plain, Quantity, SkyPosition, Str, Time
from gammapy_hli.core.traits import Mapping as MappingOption

TABLE_FILE = "observations.ecsv"
IRFS = ("aeff", "edisp", "psf", "bkg", "rad_max")
IRF_GROUPS = ("full-enclosure", "point-like", "all-optional")


class SelectionTool(Tool):
    """Choose runs of a DL3 data store by number, position, time, zenith angle, livetime or any column of its index."""

    section = "selection"
    produces = "observations"

    datastore = Path(folder=True, help="Folder with hdu-index.fits.gz and obs-index.fits.gz.", level="basic")
    obs_ids = List(Int(min=0), None, min_length=1, unique=True, help="Run numbers; null for all.", level="basic")
    obs_file = Path(None, help="Text file of run numbers; with obs_ids, runs of both.")
    exclude_ids = List(Int(min=0), [], unique=True, help="Run numbers to leave out.")
    cone = Slot(ConeSearch, optional=True, help="Runs that point within a circle; null for anywhere.", level="basic")
    target = SkyPosition(None, help="Position that offsets are measured from; null: the center of the cone.")
    offset_min = Quantity(None, unit="deg", min="0 deg", help="Least distance between pointing and target.")
    offset_max = Quantity(None, unit="deg", above="0 deg", help="Largest distance between pointing and target.")
    time_start = Time(None, help="Runs that begin at this time or later.")
    time_stop = Time(None, help="Runs that end at this time or earlier.")
    intervals = Slot(
        Intervals, optional=True, help="Intervals that cut the runs into <run>_<interval>; null for whole runs."
    )
    zenith_min = Quantity(None, unit="deg", min="0 deg", help="Least zenith angle.")
    zenith_max = Quantity(None, unit="deg", above="0 deg", help="Largest zenith angle.", level="basic")
    livetime_min = Quantity(None, unit="s", min="0 s", help="Least livetime.")
    columns = MappingOption(
        Plain(),
        {},
        help="Conditions on columns of the index, {QUALITY: {max: 0}, N_TELS: {in: [3, 4]}}; also min, equal.",
    )
    required_irfs = OneOrMore(
        Choice((*IRFS, *IRF_GROUPS)),
        ["aeff", "edisp"],
        help="Responses that a run must have: kinds, or full-enclosure (aeff, edisp, psf, bkg) or point-like.",
    )
    hdu_index = Str(None, help="Name of the HDU index where it is not hdu-index.fits(.gz).")
    obs_index = Str(None, help="Name of the observation index where it is not obs-index.fits(.gz).")

    _opened: Any = None
    _context: Any = None

    def check(self) -> Iterable[Problem]:
        both = set(self.stored("obs_ids") or ()) & set(self.stored("exclude_ids"))
        if both:
            numbers = ", ".join(map(str, sorted(both)))
            yield self.problem(
                "exclude_ids", f"{numbers} also in obs_ids ({self.origin_of('obs_ids')})", hint="take one out"
            )
        low, high = self.number_of("zenith_min"), self.number_of("zenith_max")
        if low is not None and high is not None and low >= high:
            yield self.problem(
                "zenith_min", f"{self.place_of('zenith_min')} is not below {self.place_of('zenith_max')}"
            )
        has_offsets = self.stored("offset_min") is not None or self.stored("offset_max") is not None
        if has_offsets and self.stored("target") is None and self.cone is None:
            name = "offset_max" if self.stored("offset_max") is not None else "offset_min"
            yield self.problem(name, "needs a position to measure from", hint="set selection.target or selection.cone")
        for name, condition in (self.stored("columns") or {}).items():
            if not isinstance(condition, Mapping) or not set(condition) <= {"min", "max", "equal", "in"}:
                yield self.problem(
                    "columns",
                    f"{name}: {condition!r} is not a condition",
                    hint="write e.g. {min: 1, max: 3}, {in: [3, 4]}",
                )

    def input_files(self, **inputs: Any) -> list[FilePath]:
        """Index files, and the file of run numbers."""
        from gammapy_hli.engine.dl3.store import INDEX_SUFFIXES  # late: loads astropy

        found = [self.datastore / (self.hdu_index or f"hdu-index{suffix}") for suffix in INDEX_SUFFIXES]
        found += [self.datastore / (self.obs_index or f"obs-index{suffix}") for suffix in INDEX_SUFFIXES]
        found += [self.obs_file] if self.obs_file is not None else []
        return [path for path in dict.fromkeys(found) if os.path.exists(path)]

    def check_inputs(self) -> None:
        """The run numbers must be in the store; looked at before any step runs."""
        self._opened = self.open_store()
        for name in ("obs_ids", "exclude_ids", "obs_file"):
            try:
                self._opened.check_obs_ids(self._numbers_in(name))
            except InputError as error:
                origin = self.origin_of(name)
                raise InputError(f"{self.dotted_path}.{name} ({origin}): {error}") from None

    def _numbers_in(self, name: str) -> tuple[int, ...]:
        """Run numbers that an option holds, or the file that it names."""
        from gammapy_hli.engine.dl3.select import read_run_list  # late: loads astropy

        value = getattr(self, name)
        return read_run_list(value) if name == "obs_file" and value is not None else tuple(value or ())

    def open_store(self) -> Any:
        """The data store, opened."""
        from gammapy_hli.engine.dl3.store import DataStore  # late: loads astropy

        return DataStore.open(self.datastore, self.hdu_index, self.obs_index)

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        self._context = context

    def finish(self) -> Any:
        from gammapy_hli.engine.dl3.intervals import cut_runs  # late: loads astropy
        from gammapy_hli.engine.dl3.observations import Observations
        from gammapy_hli.engine.dl3.select import select

        store, self._opened = self._opened or self.open_store(), None
        table = select(store, self.engine_selection())
        if self.intervals is not None:
            table = cut_runs(store, table, self.intervals.grid())
        selected = Observations(table, store)
        failures = selected.table.failures
        if failures and self._context is not None:
            if self._context.on_error == "stop":
                raise InputError("; ".join(f"run {obs_id}: {reason}" for obs_id, reason in failures.items()))
            places = (place for obs_id in failures for place in store.index.locations(obs_id).values())
            self._context.record_files(dict.fromkeys(place.path for place in places))
        return selected

    def engine_selection(self) -> Any:
        """The options as the engine takes them."""
        from gammapy_hli.engine.dl3.select import ColumnCut, Selection  # late: loads astropy

        return Selection(
            obs_ids=self.named_runs() or None,
            exclude_ids=tuple(self.exclude_ids),
            cone=None if self.cone is None else self.cone.cone(),
            target=None if self.target is None else make_position(self.target),
            offset_min=self.offset_min,
            offset_max=self.offset_max,
            time_windows=self._time_window(),
            zenith_min=self.zenith_min,
            zenith_max=self.zenith_max,
            livetime_min=self.livetime_min,
            columns={name: ColumnCut.from_mapping(cut, name) for name, cut in self.columns.items()},
            required_irfs=self.required_irfs,
        )

    def named_runs(self) -> tuple[int, ...]:
        """Run numbers that are asked for one by one."""
        return tuple(dict.fromkeys((*self._numbers_in("obs_ids"), *self._numbers_in("obs_file"))))

    def flags(self, product: Any) -> list[str]:
        """Runs that are left out although no option says so."""
        return [f"run {obs_id} is left out: {reason}" for obs_id, reason in product.table.failures.items()]

    def _time_window(self) -> Any:
        """The wanted time as a good time interval; None for all times."""
        if self.time_start is None and self.time_stop is None:
            return None
        from astropy.time import Time as AstropyTime  # late: loads astropy

        from gammapy_hli.engine.dl3.gti import Gti

        start = AstropyTime("1970-01-01T00:00:00") if self.time_start is None else self.time_start
        with future_allowed():
            stop = AstropyTime("2100-01-01T00:00:00") if self.time_stop is None else self.time_stop
        with future_allowed():
            return Gti.from_times(start, stop)

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.dl3.observation_table import ObservationTable  # late: loads astropy
        from gammapy_hli.engine.dl3.observations import Observations

        return Observations(ObservationTable.read(folder / TABLE_FILE), self.open_store())

    def write_product(self, product: Any, folder: FilePath) -> None:
        product.table.write(folder / TABLE_FILE)

    def summary_numbers(self, product: Any) -> dict[str, Any]:
        """Headline numbers; where intervals cut the runs, the observations are their parts and n_runs counts them."""
        cut = {} if product.intervals is None else {"n_runs": len({run for run, _ in product.parts.values()})}
        return {"n_observations": len(product), **cut}

"""Background from off runs."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gammapy_hli.base.errors import InputError, Problem
from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Bool, Choice, Float, Int, List, OneOrMore, Path, Plain, Quantity
from gammapy_hli.core.traits import Mapping as MappingOption

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.off_runs import OffRuns

CONDITIONS = {"min", "max", "equal", "in"}


class OffRunsBackground(BackgroundMethod):
    """The on region at the same place in the camera of other runs, given or found by zenith angle."""

    uses_other_runs = True

    datastore = Path(None, folder=True, help="Data store of the off runs; null: that of the selection.", level="basic")
    runs = MappingOption(
        OneOrMore(Int(min=0)),
        None,
        allow_none=True,
        group="which",
        help='Off runs by run, {"23523": 20136, "23526": [20137, 20151]}; null: they are found.',
        level="basic",
    )
    obs_ids = List(
        Int(min=0),
        None,
        min_length=1,
        unique=True,
        group="which",
        help="Runs to choose from; null: all runs of the store that are not selected themselves.",
        level="basic",
    )
    columns = MappingOption(
        Plain(), {}, help="Conditions on columns of the index for runs to choose from, {TARGET_NAME: {in: [Off data]}}."
    )
    zenith_difference_max = Quantity(
        "5 deg", unit="deg", above="0 deg", help="Largest difference in zenith angle of run and off run.", level="basic"
    )
    azimuth_difference_max = Quantity(None, unit="deg", above="0 deg", help="Largest difference in azimuth.")
    muon_difference_max = Float(
        None, allow_none=True, above=0, help="Largest difference of the muon efficiencies (MUONEFF) over their mean."
    )
    same_telescopes = Bool(True, help="Off runs must have as many telescopes (N_TELS) as the run.")
    n_runs = Int(3, min=1, help="Most off runs of a run; their counts and livetimes are added.", level="basic")
    reuse = Bool(
        False, help="An off run may serve several runs; their backgrounds then fluctuate together, unknown to a fit."
    )
    alignment = Choice(
        ("radec", "altaz"),
        "radec",
        help="Place in the camera measured from north, or from the zenith at the middle of each run.",
    )
    normalization = Choice(
        ("livetime", "background"),
        "livetime",
        help="Acceptance: livetime, or expected background of the response files per energy bin.",
    )

    def check(self) -> Iterable[Problem]:
        for name in self.stored("runs") or {}:
            if not str(name).isdecimal():
                yield self.problem("runs", f"{name!r} is no run number", hint='write {"23523": [20136, 20137]}')
        for name, condition in (self.stored("columns") or {}).items():
            if not isinstance(condition, Mapping) or not set(condition) <= CONDITIONS:
                yield self.problem(
                    "columns", f"{name}: {condition!r} is not a condition", hint="write e.g. {min: 1}, {in: [3, 4]}"
                )
        if self.stored("columns") and self.stored("runs") is not None:
            yield self.problem(
                "columns", f"is not used where the off runs are given: {self.place_of('runs')}", hint="take one out"
            )

    def check_inputs(self, open_store: Callable[[], Any]) -> None:
        """The off runs that are named must be in their store."""
        from gammapy_hli.engine.dl3.store import DataStore  # late: loads astropy

        store = open_store() if self.datastore is None else DataStore.open(self.datastore)
        name = "runs" if self.runs is not None else "obs_ids"
        try:
            if store is not None:
                store.check_obs_ids(self.choice().numbers())
        except InputError as error:
            raise InputError(f"{self.dotted_path}.{name} ({self.origin_of(name)}): {error}") from None

    def choice(self) -> Any:
        """The options as the engine takes them."""
        from gammapy_hli.engine.dl3.select import ColumnCut  # late: loads numpy and astropy
        from gammapy_hli.engine.reduce.off_runs import OffRunChoice
        from gammapy_hli.engine.reduce.off_runs_pairs import PairCuts

        azimuth = self.azimuth_difference_max
        return OffRunChoice(
            datastore=self.datastore,
            given=None if self.runs is None else {int(name): tuple(numbers) for name, numbers in self.runs.items()},
            obs_ids=self.obs_ids,
            columns={name: ColumnCut.from_mapping(cut, name) for name, cut in self.columns.items()},
            cuts=PairCuts(
                zenith_difference_max=float(self.zenith_difference_max.to_value("deg")),
                azimuth_difference_max=None if azimuth is None else float(azimuth.to_value("deg")),
                muon_difference_max=self.muon_difference_max,
                same_telescopes=self.same_telescopes,
                n_runs=self.n_runs,
                reuse=self.reuse,
            ),
        )

    def maker(self) -> "OffRuns":
        from gammapy_hli.engine.reduce.off_runs import OffRuns  # late: loads numpy and astropy

        return OffRuns(self.choice(), self.alignment, self.normalization)

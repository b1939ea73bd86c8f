"""The reduction: from the events of every selected run to datasets: spectra, images or maps."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import ConfigError, InputError, ItemError, NothingSelectedError, Problem, StepError
from gammapy_hli.components.background.background import Background
from gammapy_hli.components.energy_axis import EnergyAxis
from gammapy_hli.components.map_geometry import MapGeometry
from gammapy_hli.components.run_groups import RunGroups
from gammapy_hli.components.safe_mask import SafeMask
from gammapy_hli.components.sky import make_region
from gammapy_hli.core.component import Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Bool, Choice, Quantity, Region
from gammapy_hli.run.context import RunContext
from gammapy_hli.tools.exclusion_search import plan_with_found
from gammapy_hli.tools.kept_runs import reduced_runs, run_keys
from gammapy_hli.tools.kept_sum import KeptSum
from gammapy_hli.tools.reduction_checks import containment_problems, missing_sky, reduction_problems
from gammapy_hli.tools.run_sums import Reduce, Reduced, summed_runs


class ReductionTool(Tool):
    """Bin the events of every run and look up its responses, background and safe energies."""

    section = "reduction"
    requires = ("observations",)
    produces = "datasets"
    recipe_version = 4

    type = Choice(
        ("spectrum", "image", "map"),
        "spectrum",
        help="Kind of datasets: spectrum (1D), image (2D, summed over energy), map (3D).",
        level="basic",
    )
    on_region = Region(None, help="Region of the source; a spectrum needs it.", level="basic")
    geometry = Slot(
        MapGeometry, optional=True, help="The sky that the maps cover; images and maps need it.", level="basic"
    )
    stack = Bool(True, help="Images and maps: add all runs into one dataset; false keeps one a run.", level="basic")
    group = Slot(
        RunGroups,
        optional=True,
        help="Images and maps that are stacked: a sum for each group of runs, for a joint fit.",
    )
    offset_max = Quantity(
        "2.5 deg", unit="deg", above="0 deg", help="Images and maps: half width of the part that a run adds."
    )
    energy = Slot(
        EnergyAxis, help="Bins of reconstructed energy.", defaults={"min": "0.1 TeV", "max": "40 TeV"}, level="basic"
    )
    energy_true = Slot(
        EnergyAxis,
        help="Bins of true energy.",
        defaults={"min": "0.05 TeV", "max": "100 TeV", "per_decade": 20},
        level="basic",
    )
    containment_correction = Bool(
        True,
        help="Multiply the exposure by the fraction of a point source that a circular on region holds.",
        level="basic",
    )
    use_region_center = Bool(
        True, help="Responses at the center of the on region; false: effective area and background averaged over it."
    )
    region_pixel = Quantity(
        "0.01 deg",
        unit="deg",
        above="0 deg",
        max="1 deg",
        help="Pixels of that average; 0.1 deg is the default of gammapy, smaller ones are more exact.",
    )
    average_edisp = Bool(
        False, help="With use_region_center false: average the energy dispersion too, which gammapy does not."
    )
    background = Slot(Background, level="basic")
    safe_mask = Slot(SafeMask, level="basic")

    def check_complete(self) -> Iterable[Problem]:
        yield from missing_sky(self)

    def check(self) -> Iterable[Problem]:
        yield from reduction_problems(self)

    def input_files(self, observations: Any) -> list[FilePath]:
        """Files of all selected runs, of those that their background is taken from, and maps of excluded sources."""
        paths = [path for observation in observations for path in observation.source.files]
        paths += self.background.exclusion.input_files()
        chosen = self.background.chosen("method")
        if chosen is not None and chosen.uses_other_runs:
            background = self._for_runs(self.spectrum_plan(), observations).background
            paths += [path for observation in observations for path in background.files_of(observation)]
        return list(dict.fromkeys(paths))

    def check_inputs(self) -> None:
        """Regions and masks must be readable; looked at before any step runs."""
        if self.on_region is not None:
            from gammapy_hli.engine.geom.region import region_shape  # late: loads astropy

            try:
                shape = region_shape(make_region(self.on_region))
            except ValueError as error:
                raise ConfigError(self.problem("on_region", str(error), code="region")) from None
            if self.stored("type") == "spectrum" and (problems := list(containment_problems(self, shape))):
                raise ConfigError(problems)
        self.background.exclusion.check_inputs()
        self._exclusion_oddities()
        chosen = self.background.chosen("method")
        if chosen is not None:
            chosen.check_inputs(self._open_store)
        store = None if self.group is None else self._open_store()
        if self.group is not None and store is not None:
            self.group.check_column(store)

    def _open_store(self) -> Any:
        """The data store that the runs come from; None where no selection tells."""
        selection = self.root.parts().get((self.inputs.get("observations") or ("selection",))[0])
        return None if selection is None or selection.stored("datastore") is None else selection.open_store()

    def _exclusion_oddities(self) -> list[str]:
        """What is odd about the excluded sky of maps; ConfigError where they cannot be made with it."""
        chosen = self.background.chosen("method")
        if self.type == "spectrum" or self.geometry is None or chosen is None or not chosen.uses_exclusion:
            return []
        return list(self.background.exclusion.check_map(self.geometry.geometry()))

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        self._context = context or RunContext()
        self._observations = inputs["observations"]
        self._plan = self.spectrum_plan() if self.type == "spectrum" else self.map_plan()
        self._plan = self._for_runs(self._plan, self._observations)
        for sentence in getattr(self._plan.background, "warnings", ()):
            self._context.logger.warning(sentence)
        self._search_facts: dict[str, Any] = {}
        for sentence in self._exclusion_oddities():
            self._context.logger.warning(sentence)

    def _empty_sum(self) -> Any:
        """What adds up maps, of groups where there are some; None where each run keeps its dataset."""
        if self.type == "spectrum" or not self.stack:
            return None
        from gammapy_hli.engine.datasets.blocked_stack import BlockedStacker  # late: loads numpy and astropy
        from gammapy_hli.engine.datasets.grouped_stack import GroupedStacker

        groups = None if self.group is None else self.group.groups(self._observations)
        return BlockedStacker(partial(GroupedStacker, self._plan.stacker, groups))

    def _for_runs(self, plan: Any, observations: Any) -> Any:
        """The plan with a background method that knows the runs, where it needs to."""
        chosen = self.background.chosen("method")
        if chosen is None or not chosen.uses_other_runs:
            return plan
        excluded = self.background.exclusion.all_regions()
        return replace(plan, background=plan.background.prepare(observations, plan, excluded))

    def spectrum_plan(self) -> Any:
        """The options of a 1D reduction as the engine takes them."""
        from gammapy_hli.engine.geom.region import region_center  # late: loads astropy
        from gammapy_hli.engine.reduce.spectrum import SpectrumPlan

        region = make_region(self.on_region)
        return SpectrumPlan(
            on_region=region,
            energy=self.energy.axis("energy"),
            energy_true=self.energy_true.axis("energy_true"),
            containment_correction=self.containment_correction and type(region).__name__ != "PointSkyRegion",
            background=self.background.maker(),
            exclusion=self.background.exclusion.exclusion_mask(region_center(region)),
            safe_mask=self.safe_mask.plan(),
            use_region_center=self.use_region_center,
            region_pixel=self.region_pixel,
            average_edisp=self.average_edisp,
        )

    def map_plan(self) -> Any:
        """The options of a reduction to images or maps as the engine takes them."""
        from gammapy_hli.engine.reduce.map import MapPlan  # late: loads astropy

        geometry = self.geometry.geometry()
        return MapPlan(
            geometry=geometry,
            energy=self.energy.axis("energy"),
            energy_true=self.energy_true.axis("energy_true"),
            irf_pixel=self.geometry.irf_pixel,
            offset_max=self.offset_max,
            background=self.background.map_maker(),
            exclusion=self.background.exclusion.exclusion_on(geometry),
            safe_mask=self.safe_mask.plan(),
            to_image=self.type == "image",
        )

    def start(self) -> None:
        runs = list(self._observations)
        if self.type != "spectrum" and self.background.exclusion.from_significance is not None:
            search = self.background.exclusion.from_significance
            self._plan, self._search_facts = plan_with_found(search, self._context, self._plan, runs, reduce_run)
        self._stacker = self._empty_sum()
        self._datasets: list[Any] = []
        self._facts: list[dict[str, Any]] = []
        self._held: list[str] = []
        self._is_any_used = False
        has_failed = self._reduce(runs)
        if all("dropped" in facts for facts in self._facts):
            reasons = "\n  ".join(f"run {facts['name']}: {facts['dropped']}" for facts in self._facts)
            code = StepError.exit_code if has_failed else NothingSelectedError.exit_code
            raise StepError(self.step, f"no run could be reduced:\n  {reasons}", exit_code=code)

    def _reduce(self, runs: list[Any]) -> bool:
        """Reduce the runs that must be; returns whether any failed for a reason that is not in its files."""
        context, has_failed = self._context, False
        keys = run_keys(context, runs, self._plan)
        for name, key in keys.items():
            context.record_item(name, key)
        reduce = partial(reduce_run, plan=self._plan)
        is_sum_kept = self._stacker is not None and context.keeps_items is not True
        groups = {} if self.group is None else self.group.groups(self._observations)
        kept_sum = KeptSum(context, [f"{keys[name]} {groups.get(name, '')}" for name in keys] if is_sum_kept else [])
        for facts in kept_sum.restore(self._stacker):
            self._note(facts)
        left = runs[len(self._facts) :]
        for reduced in self._reduced(left, reduce, {} if is_sum_kept else keys):
            if reduced.has_failed:
                has_failed = True
                kept_sum.give_up()
                context.logger.debug(reduced.traceback)
            if reduced.dataset is not None:
                self._datasets.append(reduced.dataset)
            self._note(reduced.facts)
            kept_sum.save(self._stacker, self._facts)
        return has_failed

    def _reduced(self, runs: list[Any], reduce: Reduce, keys: Mapping[str, str]) -> Iterator[Reduced]:
        """What became of the runs; those of a sum are added to it."""
        if self._stacker is not None:
            return summed_runs(self._context, runs, reduce, self._stacker, keys=keys)
        return map(Reduced.from_outcome, reduced_runs(self._context, runs, keys, reduce))

    def _note(self, facts: dict[str, Any]) -> None:
        """Take the facts of a run; one that is left out is told of, or stops the step."""
        if "told" in facts:
            self._context.logger.warning(f"run {facts['name']}: {facts['told']}")
        if "dropped" in facts:
            if self._context.on_error == "stop":
                message = f"run {facts['name']}: {facts['dropped']}"
                raise StepError(self.step, message, exit_code=InputError.exit_code)
            self._held.append(f"run {facts['name']} is left out: {facts['dropped']}")
        self._facts.append(facts)
        self._is_any_used |= "dropped" not in facts
        if self._is_any_used:  # until then an error may have to tell them all
            for sentence in self._held:
                self._context.flag(sentence)
            self._held.clear()

    def finish(self) -> Any:
        from gammapy_hli.engine.products.reduction import Reduction  # late: loads astropy

        if self._stacker is not None:
            name, facts = self.label or "stacked", self._facts
            datasets = self._stacker.results(name)
        else:
            # what is kept of a run has no label: the same work under two labels is the same work
            datasets = [replace(dataset, name=self._labelled(dataset.name)) for dataset in self._datasets]
            facts = [{**fact, "name": self._labelled(fact["name"])} for fact in self._facts]
        return Reduction.from_parts(datasets, facts, self._excluded())

    def _labelled(self, name: str) -> str:
        """The name of a run with the label of the step before it: ``magic-5029747``."""
        return f"{self.label}-{name}" if self.label else name

    def _excluded(self) -> Any:
        """What the background of maps left out, on their pixels; None for nothing, or for spectra."""
        from gammapy_hli.engine.geom.sky_map import SkyMap  # late: loads astropy

        if self.type == "spectrum" or self._plan.exclusion is None:
            return None
        return SkyMap(self._plan.geometry, (), self._plan.allowed_on(self._plan.geometry), meta=self._search_facts)

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.products.reduction import Reduction  # late: loads astropy

        return Reduction.read(folder)

    def write_product(self, product: Any, folder: FilePath) -> None:
        product.write(folder)

    def summary_numbers(self, product: Any) -> dict[str, Any]:
        """Headline numbers, summed over datasets inside the safe range."""
        counts = {"n_datasets": len(product.datasets), "n_dropped": len(product.dropped)}
        return {**counts, **product.exclusion_numbers(), **product.totals()}


def reduce_run(observation: Any, plan: Any) -> tuple[Any, dict[str, Any]]:
    """The dataset of one run, None where it cannot be used, and what is known of it; works in any process."""
    from gammapy_hli.engine.products.reduction import run_numbers  # late: loads astropy
    from gammapy_hli.engine.reduce.meta import OFF_LEFT
    from gammapy_hli.engine.reduce.run import reduce_any, target_offset

    facts: dict[str, Any] = {"name": observation.name}
    try:
        facts["zenith"] = observation.zenith.to_value("deg")
        facts["offset"] = target_offset(observation, plan).to_value("deg")
        facts["livetime"] = observation.livetime.to_value("s")
        dataset = reduce_any(observation, plan)
        if OFF_LEFT in dataset.meta:
            facts["told"] = f"off runs that cannot be used: {'; '.join(dataset.meta[OFF_LEFT])}"
        return dataset, {**facts, **run_numbers(dataset)}
    except ItemError as error:
        return None, {**facts, "dropped": error.reason}
    except InputError as error:
        return None, {**facts, "dropped": str(error)}
    finally:
        observation.release()

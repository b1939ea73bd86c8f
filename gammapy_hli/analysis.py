"""Analysis: the component that holds all tools, knows their order, and runs them: from YAML, a dict, or call by call.

What a call makes is the same, and stands in the same files, as what the commands make.
"""

import copy
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Self

from traitlets.config import Config
from traitlets.config.loader import LazyConfigValue

from gammapy_hli.base.errors import PYTHON, ConfigError, MissingStepError, Problem, sort_problems
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.components.general import General
from gammapy_hli.core.chain import Chain, steps_of, tool_slots, wire
from gammapy_hli.core.component import Component, Slot
from gammapy_hli.core.effective import effective_yaml
from gammapy_hli.core.inputs import missing_inputs, named_files
from gammapy_hli.core.records import option_places, option_texts
from gammapy_hli.core.resolve import check_tree, resolve
from gammapy_hli.core.saved import saved_sources
from gammapy_hli.core.sources import FileSource, PythonSource, Source
from gammapy_hli.core.traits import List, Str
from gammapy_hli.run.chain_runner import ChainResult, chain_status, plan_chain, run_chain
from gammapy_hli.run.context import RunContext
from gammapy_hli.run.given import give_product, given_steps
from gammapy_hli.run.outdir import CONFIG_FILE
from gammapy_hli.run.plan import Plan, StepStatus
from gammapy_hli.run.products import Memory, ProductStore
from gammapy_hli.run.progress import Progress
from gammapy_hli.run.session_copy import write_session
from gammapy_hli.run.step import Option, Step
from gammapy_hli.run.wish import Wish, order_problem, part_of
from gammapy_hli.tools import DEFAULT_STEPS, TOOLS

CALLS = {
    "selection": "select_observations()",
    "reduction": "reduce_data()",
    "model": "set_models(...)",
    "fit": "optimise()",
    "flux_points": "spectral_points(...)",
    "light_curve": "make_light_curve(...)",
    "maps": "make_maps()",
    "report": "make_report()",
}

MADE_ALONG = "model"
"""The step that a call makes by itself, from the options in force, where it needs the product."""

WORKER_MODULES = (
    "gammapy_hli.tools.reduction",
    "gammapy_hli.engine.products.reduction",
    *(f"gammapy_hli.engine.reduce.{name}" for name in ("run", "map", "fov_background", "reflected", "ring_background")),
)
"""What most work of other processes needs; they load it while this one selects runs."""


class Analysis(Component):
    """A whole analysis: options of every step, and the calls that run them.

    Options are attributes, section by section (``analysis.reduction.energy.min``). Calls run the steps, each needs
    those before it: ``select_observations``, ``reduce_data``, ``set_models``, ``optimise``, then ``spectral_points``,
    ``make_light_curve``, ``make_maps`` and ``make_report``; or ``run`` for all of them. What they made is in
    ``observations``, ``datasets``, ``models``, ``fit_result``, or is returned. ``plan`` and ``status`` tell where it
    stands, ``write`` and ``read`` keep it.

    Parameters
    ----------
    *configs : path, mapping, traitlets Config or source
        The weakest first. A mapping may be nested or have dotted names.
    **sections
        Sections as keyword arguments.

    Raises
    ------
    ConfigError
        All mistakes at once, each with its place.

    Examples
    --------
    >>> analysis = Analysis({"selection.datastore": "store", "selection.obs_ids": [23523]})
    >>> analysis.selection.obs_ids
    (23523,)
    """

    general = Slot(General, level="basic")
    steps = List(Str(), None, min_length=1, help="Steps to run; null for those that fit reduction.type.", level="basic")
    for _entry in TOOLS:
        locals()[_entry.section] = Slot(_entry.address, level="basic")
    del _entry

    def __init__(self, *configs: Any, **sections: Any):
        super().__init__()
        self._memory: Memory = {}
        self._given: set[str] = set()
        self._result: ChainResult | None = None
        sources: list[Source] = [_as_source(config) for config in configs]
        sources += [PythonSource(sections)] if sections else []
        if sources:
            resolve(self, sources).build()

    def default_steps(self) -> tuple[str, ...]:
        """Steps that run where none are named, by the type of the reduction."""
        return DEFAULT_STEPS[self.reduction.stored("type")]

    def check(self) -> Iterable[Problem]:
        """Sources that steps name must be in the model that they get."""
        return self._unknown_sources(read_files=False)

    def _unknown_sources(self, *, read_files: bool) -> Iterator[Problem]:
        chain = wire(self)
        for step in chain.steps:
            tool = self[step]
            wanted = tool.stored("source") if "source" in tool.members() else None
            makers = [name for name in chain.before(step) if name.partition("@")[0] == "model"]
            if wanted is None or len(makers) != 1 or makers[0] in self._given:
                continue
            model = self[makers[0]]
            if model.has_bad_values or (model.stored("file") is not None and not read_files):
                continue
            names = list(model.sources) if model.stored("file") is None else list(model.written_models().names)
            if names and wanted not in names:
                place = model.origin_of("file" if model.stored("file") is not None else "sources")
                yield tool.problem(
                    "source",
                    f"'{wanted}' is not a source of the model ({place}), which has {', '.join(names)}",
                    hint=did_you_mean(wanted, names).strip() or None,
                )

    # -- PIG 12's calls ------------------------------------------------------------------------------------------

    def select_observations(self, label: str = "") -> Self:
        """Choose the runs; see ``analysis.observations``."""
        return self._run_one("selection", label)

    def reduce_data(self, label: str = "") -> Self:
        """Make the datasets; see ``analysis.datasets``."""
        return self._run_one("reduction", label)

    def set_models(self, models: Any, label: str = "") -> Self:
        """Set the model.

        Parameters
        ----------
        models : Models, mapping of sources, YAML text or path of a models file
            A mapping is the short form, ``{"crab": {"spectral": {"type": "pl", "index": 2.3}}}``. The sources that
            were set before are gone in any case.
        label : str
        """
        step = self._step_name("model", label)
        tool = self[step]
        is_path = isinstance(models, os.PathLike) or (isinstance(models, str) and "\n" not in models)
        if not is_path and not isinstance(models, Mapping):
            return self._give(step, _as_models(models))
        with self._undone_on_error(step):
            for name in list(tool.sources):
                del tool.sources[name]
            if isinstance(models, Mapping):
                if tool.stored("file") is not None:
                    tool.file = None
                tool.update({"sources": models.get("sources", models)})
            else:
                tool.file = models
            self._given.discard(step)
            return self._run_one("model", label)

    def optimise(self, label: str = "", **options: Any) -> Self:
        """Fit the model to the datasets; see ``analysis.fit_result``. Options of the fit may be given.

        The model is that of `set_models`, or of the section ``model`` as it is now.
        """
        return self._run_one("fit", label, options)

    def spectral_points(self, source: str | None = None, energy: Any = None, label: str = "", **options: Any) -> Any:
        """Flux points of a source.

        Parameters
        ----------
        source : str, optional
            Name of the source; not needed where there is one.
        energy : mapping, Quantity or list, optional
            Options of the energy bins, ``{"min": "1 TeV", "max": "10 TeV", "nbins": 5}``, or edges; one point a bin
            of the datasets where not given.
        label : str
        **options
            Of the section ``flux_points``.

        Returns
        -------
        FluxPoints
        """
        given = dict(options)
        if source is not None:
            given["source"] = source
        if energy is not None:
            given["energy"] = energy if isinstance(energy, Mapping) else {"edges": energy}
        self._run_one("flux_points", label, given)
        return self.product_of(self._step_name("flux_points", label))

    def make_light_curve(self, source: str | None = None, label: str = "", **options: Any) -> Any:
        """Light curve of a source; options of the section ``light_curve`` may be given.

        Returns
        -------
        LightCurve
        """
        given = dict(options) if source is None else {"source": source, **options}
        self._run_one("light_curve", label, given)
        return self.product_of(self._step_name("light_curve", label))

    def make_maps(self, label: str = "", **options: Any) -> Self:
        """Make the maps of images or map datasets; options of the section ``maps`` may be given."""
        return self._run_one("maps", label, options)

    def make_report(self, label: str = "") -> Self:
        """Write the page that shows the analysis."""
        return self._run_one("report", label)

    def run(
        self,
        until: str | None = None,
        *,
        only: Collection[str] | str | None = None,
        force: bool | Collection[str] | str = (),
        context: RunContext | None = None,
        overwrite: bool = False,
        start: str | None = None,
    ) -> Self:
        """Run all steps that are not up to date.

        Parameters
        ----------
        until : str, optional
            Last step to run.
        only : names of steps, optional
            Run nothing else; products of other steps are used as they are.
        force : bool or names of steps
            Run although up to date.
        context : RunContext, optional
            Processes, progress, log; made from ``general`` where not given.
        overwrite : bool
            Allow an outdir that holds something else.
        start : str, optional
            First step to run; products of those before it are used as they are.
        """
        outdir = self._outdir()
        wish = self._wish(until, only, force, start)
        context = context or self.context()
        if outdir is None or not outdir.is_dir():  # there is work: workers load what they need while the checks do
            context.prepare()
        self.check_ready(self.wanted(wish.until, wish.only, wish.start))
        self._result = run_chain(
            self._with_what_is_there(self.run_steps(), wish.only),
            outdir=outdir,
            context=context,
            memory=self._memory,
            wish=wish,
            config_text=None if outdir is None else effective_yaml(self, outdir),
            overwrite=overwrite,
        )
        for decision in self._result.plan.decisions:
            if decision.action == "run":
                self._given.discard(decision.step)
        return self

    def plan(
        self,
        until: str | None = None,
        *,
        only: Collection[str] | str | None = None,
        force: bool | Collection[str] | str = (),
        start: str | None = None,
    ) -> Plan:
        """What `run` would do, and why; nothing is written."""
        wish = self._wish(until, only, force, start)
        self.check_ready(self.wanted(wish.until, wish.only, wish.start))
        return plan_chain(self.run_steps(), outdir=self._outdir(), memory=self._memory, wish=wish)

    def status(self) -> list[StepStatus]:
        """State of every step."""
        return chain_status(self.run_steps(), outdir=self._outdir(), memory=self._memory, given=self._given)

    # -- products ------------------------------------------------------------------------------------------------

    @property
    def observations(self) -> Any:
        """Product of the selection."""
        return self.product_of("selection")

    @property
    def datasets(self) -> Any:
        """Datasets of the reduction."""
        return self.product_of("reduction").datasets

    @property
    def models(self) -> Any:
        """The model with its starting values; that of the fit is ``analysis.fit_result.models``."""
        return self.product_of("model")

    @property
    def fit_result(self) -> Any:
        """Product of the fit."""
        return self.product_of("fit")

    @property
    def result(self) -> ChainResult | None:
        """What the last run did; None before."""
        return self._result

    def product_of(self, step: str) -> Any:
        """Product of a step, from memory or from the outdir.

        Raises
        ------
        MissingStepError
            It is not there; the message names the call that makes it.
        """
        if step not in steps_of(self):
            self._refuse_unknown(step.partition("@")[0], list(tool_slots(type(self))))
        steps = self.run_steps([step])
        store = ProductStore(steps, self._outdir(), self._memory)
        if store.manifest(step) is None:
            raise MissingStepError(f"there is no product of '{step}' yet; call {self._call(step)} or run() first")
        return store.product(step)

    # -- looking at the likelihood -------------------------------------------------------------------------------

    def likelihood(self, label: str = "") -> Any:
        """The likelihood of a fit, compiled at its best values: ``stat(theta)``, ``npred(theta)`` and so on."""
        from gammapy_hli.engine.fit.compile import compile  # late: loads numpy and astropy
        from gammapy_hli.engine.fit.fit import fitted_datasets
        from gammapy_hli.engine.products.reduction import all_datasets

        step = self._step_name("fit", label)
        result = self.product_of(step)
        reductions = [self.product_of(source) for source in self.chain.links[step]["datasets"]]
        datasets = fitted_datasets(all_datasets(reductions), result.stack)
        return compile(datasets, result.models, energy_range=result.energy_range, nuisances=result.nuisances)

    def stat_profile(self, parameter: str, label: str = "", **options: Any) -> Any:
        """Statistic along one parameter, the others refitted; see `gammapy_hli.engine.fit.scan.stat_profile`."""
        from gammapy_hli.engine.fit.minuit import minimize  # late: loads numpy and astropy
        from gammapy_hli.engine.fit.scan import stat_profile

        likelihood = self.likelihood(label)
        return stat_profile(likelihood, minimize(likelihood), parameter, **options)

    def stat_contour(self, x: str, y: str, label: str = "", **options: Any) -> Any:
        """Contour of two parameters; see `gammapy_hli.engine.fit.scan.stat_contour`."""
        from gammapy_hli.engine.fit.minuit import minimize  # late: loads numpy and astropy
        from gammapy_hli.engine.fit.scan import stat_contour

        likelihood = self.likelihood(label)
        return stat_contour(likelihood, minimize(likelihood), x, y, **options)

    # -- sessions ------------------------------------------------------------------------------------------------

    def write(self, folder: str | os.PathLike[str] | None = None, *, overwrite: bool = False) -> FilePath:
        """Save the session in a folder, in any state: options, products, and how they were made.

        What is in memory is written there, what stands in the outdir is copied. The session itself goes on where it
        was; `read` and the command line open the folder.

        Parameters
        ----------
        folder : path, optional
            By default the outdir. Made where it is not there; a session in it is replaced. The outdir itself is brought
            up to date.
        overwrite : bool
            Allow a folder that holds something else.

        Raises
        ------
        ConfigError
            Options contradict each other, so that the session could not be read again; nothing is written.
        """
        problems, _ = check_tree(self)
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise ConfigError(sort_problems(errors))
        folder = self.general.outdir if folder is None else folder
        store = ProductStore(self.run_steps(), self._outdir(), self._memory)
        here = {"general.outdir": os.fspath(folder), "general.store": True}
        text = effective_yaml(self, FilePath(folder), instead=here)
        return write_session(store, folder, text, overwrite=overwrite)

    @classmethod
    def read(cls, folder: str | os.PathLike[str] | None = None) -> Self:
        """The session in a folder of `write` or of the command line, with its options; it goes on in that folder.

        Products are read when they are asked for.

        Parameters
        ----------
        folder : path, optional
            By default the folder that results go to where ``general.outdir`` is not set.
        """
        folder = cls().general.outdir if folder is None else folder
        path = FilePath(folder) / CONFIG_FILE
        session = cls(*saved_sources(cls, path), {"general": {"outdir": os.fspath(folder)}})
        session.take_given()
        return session

    def take_given(self, but: Collection[str] = ()) -> None:
        """Products in the outdir that were set in Python are part of the session, as after `read`.

        Parameters
        ----------
        but : names of steps, with or without label
            Those that are made from their options all the same.
        """
        names = [name for name in steps_of(self) if not {name, name.partition("@")[0]} & set(but)]
        self._given = given_steps(self._outdir(), names)

    # -- parts for those who drive it ------------------------------------------------------------------------------

    @property
    def chain(self) -> Chain:
        """Steps, their order and their links."""
        return wire(self)

    def wanted(
        self, until: str | None = None, only: Collection[str] | None = None, start: str | None = None
    ) -> tuple[str, ...]:
        """Names of the steps that may run where a part of the chain is asked for."""
        return part_of(self.chain.steps, start, until, only)

    def check_ready(self, steps: Collection[str] | None = None) -> None:
        """ConfigError with everything that keeps the steps (by default all) from running."""
        problems, _ = check_tree(self, complete=True)
        errors = [problem for problem in problems if problem.severity == "error" and not self.has_given(problem)]
        errors = [problem for problem in errors if concerns(problem, steps)]
        if not errors:
            errors = list(self._unknown_sources(read_files=True))
        if errors:
            raise ConfigError(sort_problems(errors))

    def missing_inputs(self, steps: Collection[str] | None = None) -> list[Problem]:
        """A problem for every input file or folder of the steps (by default all) that is not there."""
        return list(missing_inputs(self, tuple(steps_of(self) if steps is None else steps)))

    def run_steps(self, also: Iterable[str] = ()) -> list[Step]:
        """The steps as the runner takes them, in order; those of `also` too where they are not in ``steps``."""
        asked = [*steps_of(self), *(step for step in also if step not in steps_of(self))]
        chain = wire(self, asked)
        return [
            Step(
                name,
                self[name],
                {path: Option(*text) for path, text in option_texts(self[name]).items()},
                {role: names[0] if len(names) == 1 else names for role, names in chain.links.get(name, {}).items()},
                named_files(self[name]),
                option_places(self[name]),
            )
            for name in chain.steps
        ]

    def context(self, *, show_progress: bool = False) -> RunContext:
        """How the work is done, from the section ``general``."""
        general = self.general
        general.check_workers()
        return RunContext(
            n_jobs=general.n_jobs,
            on_error=general.on_error,
            executor=general.executor,
            scheduler=general.scheduler,
            modules=WORKER_MODULES,
            progress=Progress(enabled=show_progress),
            keeps_items=general.store_per_obs,
        )

    def _wish(
        self,
        until: str | None,
        only: Collection[str] | str | None,
        force: bool | Collection[str] | str,
        start: str | None,
    ) -> Wish:
        chosen = (only,) if isinstance(only, str) else only
        forced = (force,) if isinstance(force, str) else force
        named = (*filter(None, (start, until)), *(chosen or ()), *(forced if not isinstance(forced, bool) else ()))
        for name in named:
            self._refuse_unknown(name, steps_of(self))
        message = order_problem(self.chain.steps, start, until)
        if message is not None:
            raise ConfigError(Problem("order", "", message, PYTHON))
        return Wish(until=until, only=chosen, force=forced, given=self._given, start=start)

    def _refuse_unknown(self, step: str, steps: Collection[str]) -> None:
        """ConfigError with a suggestion where there is no such step."""
        if step not in steps:
            hint = f"{did_you_mean(step, steps)} Steps: {', '.join(steps)}".strip()
            raise ConfigError(Problem("unknown-step", "", f"'{step}' is not one of the steps.", PYTHON, hint=hint))

    def _outdir(self) -> FilePath | None:
        return self.general.outdir if self.general.store else None

    def has_given(self, problem: Problem) -> bool:
        """Whether a problem is that a step lacks options of which the product was set in Python."""
        return _is_missing(problem) and problem.path.split(".")[0] in self._given

    def _step_name(self, section: str, label: str) -> str:
        return f"{section}@{label}" if label else section

    def _run_one(self, section: str, label: str, options: Mapping[str, Any] | None = None) -> Self:
        step = self._step_name(section, label)
        with self._undone_on_error(step):
            if options:
                self[step].update(options)
            self._add_step(step)
            along = self._made_along(step)
            self.check_ready((step, *along))
        steps = {each.name: each for each in self.run_steps()}
        store = ProductStore(list(steps.values()), self._outdir(), self._memory)
        gathered = self[step].gathers_here()
        needed = {role: source for role, source in steps[step].inputs.items() if role not in gathered}
        for source in replace(steps[step], inputs=needed).input_steps:
            if source not in along and store.manifest(source) is None:
                raise MissingStepError(
                    f"{self._call(step)} needs the product of '{source}': call {self._call(source)} first, "
                    f"or run(until='{step}')"
                )
        return self.run(only={step, *along})

    def _made_along(self, step: str) -> set[str]:
        """Inputs of a step that are made, or brought up to date, with it: they take no time and no data."""
        names = {name for sources in self.chain.links.get(step, {}).values() for name in sources}
        models = {name for name in names if name.partition("@")[0] == MADE_ALONG and name not in self._given}
        empty = {
            problem.path.partition(".")[0] for problem in check_tree(self, complete=True)[0] if _is_missing(problem)
        }
        return models - empty

    def _with_what_is_there(self, steps: list[Step], only: Collection[str] | None) -> list[Step]:
        """A step that gathers whatever there is, run alone, takes the products that are there by now."""
        if only is None:
            return steps
        store = ProductStore(steps, self._outdir(), self._memory)
        missing = {step.name for step in steps if step.name not in only and store.manifest(step.name) is None}
        return [self._without(step, missing) if step.name in only else step for step in steps]

    def _without(self, step: Step, missing: Collection[str]) -> Step:
        """The step without those of the inputs it gathers that come from missing steps."""
        kept: dict[str, str | tuple[str, ...]] = {}
        for role, named in step.inputs.items():
            sources = (named,) if isinstance(named, str) else named
            if role in step.tool.gathers_here():
                sources = tuple(source for source in sources if source not in missing)
            if sources:
                kept[role] = sources[0] if len(sources) == 1 else sources
        return replace(step, inputs=kept)

    @contextmanager
    def _undone_on_error(self, step: str) -> Iterator[None]:
        """Options, steps and labelled instances are as before where options of the block are refused."""
        steps, labelled, given = self.stored("steps"), set(self._children), set(self._given)
        before = copy.deepcopy(self._children.get(step), {id(self): self})
        try:
            yield
        except ConfigError:
            self._given = given
            if before is not None:
                self._children[step] = before
            if self.stored("steps") != steps:
                self.steps = steps
            for name in set(self._children) - labelled:
                if "@" in name:
                    del self._children[name]
            raise

    def _add_step(self, step: str) -> None:
        """Make sure that a step that is called is one of ``steps``."""
        if step not in steps_of(self):
            self.steps = [*steps_of(self), step]

    def _give(self, step: str, product: Any) -> Self:
        self._add_step(step)
        outdir = self._outdir()
        text = None if outdir is None else effective_yaml(self, outdir)
        give_product(self.run_steps(), step, product, outdir=outdir, memory=self._memory, config_text=text)
        self._given.add(step)
        return self

    def _call(self, step: str) -> str:
        section, _, label = step.partition("@")
        call = CALLS.get(section, f"run(until='{step}')")
        return call.replace("(", f"(label='{label}'" + (", " if "..." in call else ""), 1) if label else call

    def summary(self) -> dict[str, Any]:
        """Steps with their state, and the options that were set."""
        states = {state.step: str(state).partition(": ")[2] for state in self.status()}
        options = self.to_plain(only_set=True)
        order = dict.fromkeys([*(name for name in options if "@" not in name), *steps_of(self), *options])
        return {"steps": states, "options": {name: options[name] for name in order if name in options}}


def _is_missing(problem: Problem) -> bool:
    return problem.code == "missing"


def concerns(problem: Problem, steps: Collection[str] | None) -> bool:
    """Whether a problem keeps these steps from running: what others lack does not."""
    section = problem.path.partition(".")[0]
    is_step = section.partition("@")[0] in {entry.section for entry in TOOLS}
    return steps is None or problem.code != "missing" or not is_step or section in steps


def _plain_config(config: Config) -> dict[str, Any]:
    for name, value in config.items():
        if isinstance(value, LazyConfigValue):
            raise TypeError(f"traitlets makes no section of '{name}' by a dot; write Config({{'{name}': {{...}}}})")
    return {name: _plain_config(value) if isinstance(value, Config) else value for name, value in config.items()}


def _as_source(config: Any) -> Source:
    """A source of options from what a user gives."""
    if isinstance(config, Config):
        return PythonSource(_plain_config(config))
    if isinstance(config, Mapping):
        return PythonSource(config)
    if isinstance(config, str | os.PathLike):
        return FileSource(config)
    if isinstance(config, Source):
        return config
    raise TypeError(f"Analysis takes paths and mappings, got {type(config).__name__}")


def _as_models(models: Any) -> Any:
    """Models from an object of the engine or a YAML text."""
    from gammapy_hli.engine.models.models_yaml import parse_models  # late: loads astropy
    from gammapy_hli.engine.models.sky_model import Models, SkyModel

    if isinstance(models, str):
        return parse_models(models)
    if isinstance(models, Models):
        return models
    if isinstance(models, SkyModel):
        return Models([models])
    raise TypeError(f"set_models takes Models, a mapping, a path or a YAML text; got {type(models).__name__}")

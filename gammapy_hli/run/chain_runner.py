"""Runs a chain: checks what it needs, decides about each step, and has those carried out that must run."""

import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gammapy_hli.base.errors import (
    ConfigError,
    InputError,
    MissingStepError,
    Problem,
)
from gammapy_hli.base.summary import Summary
from gammapy_hli.run.context import RunContext
from gammapy_hli.run.execution import StepExecution
from gammapy_hli.run.lock import FolderLock
from gammapy_hli.run.logs import logs_in_file
from gammapy_hli.run.outdir import check_folder, clean_leftovers, mark_folder, write_config, writing
from gammapy_hli.run.plan import (
    SET_IN_PYTHON,
    Decision,
    Plan,
    StepStatus,
    is_forced,
    make_plan,
    product_changes,
    reasons_to_run,
    taken_as_it_is,
)
from gammapy_hli.run.products import Memory, ProductStore
from gammapy_hli.run.session_records import records_at_end
from gammapy_hli.run.signals import termination_raises
from gammapy_hli.run.step import Step, absolute_files, check_order, input_places, method_of
from gammapy_hli.run.wish import Wish

LOG_FILE = "log.txt"
logger = logging.getLogger("gammapy_hli.run")


@dataclass(frozen=True)
class ChainResult(Summary):
    """What a run of a chain did.

    Attributes
    ----------
    plan : Plan
        The decisions as they were carried out.
    flags : mapping of step name to tuple of str
        Sentences of steps that ended, but need a look.
    numbers : mapping of step name to mapping
        The headline numbers, as in ``summary.json``.
    store : ProductStore
    """

    plan: Plan
    flags: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, Any]
    store: ProductStore

    @property
    def executed(self) -> tuple[str, ...]:
        return self.plan.to_run

    @property
    def exit_code(self) -> int:
        """0, or 4 where a step is flagged."""
        return 4 if any(self.flags.values()) else 0

    def product(self, step: str) -> Any:
        """The product of a step, read when it is not in memory."""
        return self.store.product(step)

    def summary(self) -> dict[str, Any]:
        return {
            "executed": list(self.executed),
            "flags": [f"{step}: {flag}" for step, flags in self.flags.items() for flag in flags],
            **self.numbers,
        }


def run_chain(
    steps: Sequence[Step],
    *,
    outdir: str | os.PathLike[str] | None = None,
    context: RunContext | None = None,
    memory: Memory | None = None,
    wish: Wish | None = None,
    config_text: str | None = None,
    overwrite: bool = False,
    write_log: bool = True,
) -> ChainResult:
    """Run the steps that must run, in order, and keep their products.

    Parameters
    ----------
    steps : sequence of Step
        In an order in which each stands behind those whose products it takes.
    outdir : path, optional
        Output folder; without it everything stays in memory.
    context : RunContext, optional
        Processes, progress, rule for errors.
    memory : mutable mapping, optional
        Products of earlier calls of this session; new ones are added.
    wish : Wish, optional
        Which part to run, and what to force.
    config_text : str, optional
        Text of ``config.yaml``.
    overwrite : bool
        Work in a folder that holds something else.
    write_log : bool
        Append what is logged to ``log.txt``.

    Raises
    ------
    StepError
        A step failed; the products of earlier steps, and the old product of this one, are whole.
    MissingStepError
        A product is needed of a step that is not asked for and has not run.
    InputError
        An input file is missing; before any work.
    FolderError
        The folder is in use, or holds something else.
    """
    check_order(steps)
    wish = wish or Wish()
    allowed = wish.allowed(steps)
    with ExitStack() as stack:
        stack.enter_context(termination_raises())
        if outdir is not None and not os.path.isdir(outdir):  # nothing is made where nothing can run
            _Runner(ProductStore(steps, outdir, memory), wish, allowed).check_before_work()
        if outdir is not None:
            folder = check_folder(outdir, overwrite=overwrite)
            lock = stack.enter_context(FolderLock(folder))
            with writing(folder, "no step has run"):
                mark_folder(folder)
                if write_log:
                    stack.enter_context(logs_in_file(folder / LOG_FILE))
                _tidy(folder, lock)
                if config_text is not None:
                    write_config(folder, config_text)
        store = ProductStore(steps, outdir, memory)
        runner = _Runner(store, wish, allowed)
        history = stack.enter_context(records_at_end(store, config_text))
        runner.check_before_work()
        execution = StepExecution(store, context or RunContext(), history)
        for step in steps:
            runner.take(step, execution)
    return runner.result()


def plan_chain(
    steps: Sequence[Step],
    *,
    outdir: str | os.PathLike[str] | None = None,
    memory: Memory | None = None,
    wish: Wish | None = None,
) -> Plan:
    """What `run_chain` would do, and why; nothing is written."""
    check_order(steps)
    wish = wish or Wish()
    return _plan(ProductStore(steps, outdir, memory), wish, wish.allowed(steps))


def chain_status(
    steps: Sequence[Step],
    *,
    outdir: str | os.PathLike[str] | None = None,
    memory: Memory | None = None,
    given: Collection[str] = (),
) -> list[StepStatus]:
    """State of each step, with the reason why it is out of date; products of `given` count as they are."""
    store = ProductStore(steps, outdir, memory)
    wish = Wish(given=given)
    states = []
    for decision in _plan(store, wish, wish.allowed(steps)).decisions:
        manifest = store.manifest(decision.step)
        if manifest is None:
            states.append(StepStatus(decision.step, "never run", decision.reason))
        elif decision.action == "use":
            states.append(StepStatus(decision.step, SET_IN_PYTHON, decision.reason, manifest.end, manifest.flags))
        elif decision.action == "skip":
            states.append(StepStatus(decision.step, "up to date", decision.reason, manifest.end, manifest.flags))
        else:
            states.append(StepStatus(decision.step, "out of date", decision.reason, manifest.end, manifest.flags))
    return states


def _plan(store: ProductStore, wish: Wish, allowed: Collection[str]) -> Plan:
    steps = list(store.steps.values())
    return make_plan(steps, store.manifests(), store.folders(), store.hasher, force=wish.force, only=allowed)


class _Runner:
    """One run: takes the steps one after the other."""

    def __init__(self, store: ProductStore, wish: Wish, allowed: Collection[str]):
        self.store = store
        self.wish = wish
        self.allowed = allowed
        self.decisions: list[Decision] = []

    def check_before_work(self) -> None:
        """Missing and unusable inputs and missing predecessors, all at once and before any step runs."""
        missing: list[str] = []
        unusable: list[str] = []
        problems: list[Problem] = []
        for name in _plan(self.store, self.wish, self.allowed).to_run:
            step = self.store.steps[name]
            try:
                _check_inputs(step)
            except ConfigError as error:
                problems += error.problems
            except InputError as error:
                unusable.append(f"step '{name}': {error}")
            missing += [f"step '{name}': {path}" for path in absolute_files(step.files) if not path.exists()]
            for source in step.input_steps:
                if source not in self.allowed:
                    self._check_usable(source, name)
        if problems:
            raise ConfigError(dict.fromkeys(problems))
        if missing:
            raise InputError("\n  ".join(["input files are missing:", *sorted(missing)]))
        if unusable:
            raise InputError("\n  ".join(["inputs cannot be used:", *unusable] if len(unusable) > 1 else unusable))

    def take(self, step: Step, execution: StepExecution) -> None:
        """Run or skip one step; the decision is made anew, as the steps before it have run by now."""
        if step.name not in self.allowed:
            self.decisions.append(taken_as_it_is(step, self.store.manifest(step.name)))
            return
        reasons = reasons_to_run(
            step,
            self.store.manifests(),
            self.store.step_folder(step.name),
            self.store.hasher,
            forced=is_forced(step, self.wish.force),
            places=input_places(self.store.steps.values()),
        )
        if not reasons:
            self.decisions.append(Decision(step.name, "skip"))
            logger.info("up to date", extra={"step": step.name})
            return
        if is_forced(step, self.wish.force):  # from its beginning
            execution.prune_items(step, ())
        decision = Decision(step.name, "run", tuple(reasons))
        logger.info("runs (%s)", decision.reason, extra={"step": step.name})
        start = time.monotonic()
        execution.context.prepare()
        execution.run(step)
        self.decisions.append(decision)
        logger.info("done in %.1f s", time.monotonic() - start, extra={"step": step.name})

    def result(self) -> ChainResult:
        manifests = {name: manifest for name, manifest in self.store.manifests().items() if manifest is not None}
        taken = {decision.step for decision in self.decisions if decision.step in self.allowed}
        return ChainResult(
            plan=Plan(tuple(self.decisions)),
            flags={name: manifest.flags for name, manifest in manifests.items() if name in taken and manifest.flags},
            numbers={name: manifest.summary for name, manifest in manifests.items() if name in taken},
            store=self.store,
        )

    def _check_usable(self, source: str, user: str) -> None:
        manifest = self.store.manifest(source)
        folder = self.store.step_folder(source)
        if manifest is None:
            where = f" ({folder} has no product)" if folder is not None else ""
            message = f"step '{user}' needs the product of '{source}', which has not run{where}"
            raise MissingStepError(f"{message}; run '{source}' first, or the whole chain")
        if folder is not None:
            for change in product_changes(manifest, folder, self.store.hasher):
                if change.endswith("is missing"):
                    raise MissingStepError(f"step '{user}' needs '{source}', but its {change}; run '{source}' again")
                logger.warning("%s since it was written; it is used as it is", change, extra={"step": source})


def _check_inputs(step: Step) -> None:
    check = method_of(step, "check_inputs")
    try:
        if check is not None:
            check()
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _tidy(folder: Path, lock: FolderLock) -> None:
    if lock.was_stale is not None:
        logger.warning("process %s ended without unlocking %s; going on", lock.was_stale.get("pid"), folder)
    for sentence in clean_leftovers(folder):
        logger.info(sentence)

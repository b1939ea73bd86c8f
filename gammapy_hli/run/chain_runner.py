"""Runs a chain: decides about each step, runs its tool, keeps the product, and records how it was made."""

import logging
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gammapy_hli.base.atomic_write import plain_json
from gammapy_hli.base.errors import (
    ConfigError,
    FolderError,
    HliError,
    InputError,
    MissingStepError,
    Problem,
    StepError,
)
from gammapy_hli.base.summary import Summary
from gammapy_hli.run.context import Notes, RunContext
from gammapy_hli.run.history import History
from gammapy_hli.run.items import ItemStore
from gammapy_hli.run.keys import ItemKeys, config_key, recipe_key, step_key, work_key
from gammapy_hli.run.lock import FolderLock
from gammapy_hli.run.logs import StepLog, logs_in_file
from gammapy_hli.run.manifest import ABSENT, FileRecord, InputRecord, Manifest
from gammapy_hli.run.outdir import check_folder, clean_leftovers, mark_folder, write_config, writing
from gammapy_hli.run.plan import Decision, Plan, StepStatus, is_forced, make_plan, product_changes, reasons_to_run
from gammapy_hli.run.products import Memory, ProductStore, now
from gammapy_hli.run.session_records import records_at_end
from gammapy_hli.run.signals import termination_raises
from gammapy_hli.run.software import command_words, software_versions, who_and_where
from gammapy_hli.run.step import Step, absolute_files, check_order, input_places
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
            _Runner(ProductStore(steps, outdir, memory), RunContext(), wish, allowed).check_before_work()
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
        runner = _Runner(store, context or RunContext(), wish, allowed)
        runner.history = stack.enter_context(records_at_end(store, config_text))
        runner.check_before_work()
        for step in steps:
            runner.take(step)
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
    steps: Sequence[Step], *, outdir: str | os.PathLike[str] | None = None, memory: Memory | None = None
) -> list[StepStatus]:
    """State of each step, with the reason why it is out of date."""
    store = ProductStore(steps, outdir, memory)
    states = []
    for decision in _plan(store, Wish(), {step.name for step in steps}).decisions:
        manifest = store.manifest(decision.step)
        if manifest is None:
            states.append(StepStatus(decision.step, "never run", decision.reason))
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

    def __init__(self, store: ProductStore, context: RunContext, wish: Wish, allowed: Collection[str]):
        self.store = store
        self.context = context
        self.wish = wish
        self.allowed = allowed
        self.decisions: list[Decision] = []
        self.history = History()

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

    def take(self, step: Step) -> None:
        """Run or skip one step; the decision is made anew, as the steps before it have run by now."""
        if step.name not in self.allowed:
            self.decisions.append(Decision(step.name, "use", ("not asked for",)))
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
            self._prune_items(step, ())
        decision = Decision(step.name, "run", tuple(reasons))
        logger.info("runs (%s)", decision.reason, extra={"step": step.name})
        start = time.monotonic()
        self.context.prepare()
        self._execute(step)
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

    def _execute(self, step: Step) -> None:
        try:
            with self.history.step(step):
                self._run_and_keep(step)
        except (StepError, ConfigError, MissingStepError, FolderError):
            raise
        except HliError as error:
            raise StepError(step.name, str(error), exit_code=error.exit_code) from error
        except Exception as error:
            logger.debug("failed", exc_info=True, extra={"step": step.name})
            raise StepError(step.name, f"{type(error).__name__}: {error}") from error

    def _run_and_keep(self, step: Step) -> None:
        start = now()
        inputs = dict(self.store.inputs(step))
        input_records = self._input_records(step)
        before = {record.step: self._manifest_of(record.step) for record in input_records}
        recipe = recipe_key(step, {name: manifest.recipe_key for name, manifest in before.items()})
        config = config_key(step, {name: manifest.config_key for name, manifest in before.items()})
        known = absolute_files([*step.files, *_input_files(step, inputs)])
        files = self._file_records(known)
        with suppress(OSError):
            self.store.hasher.save()  # now: reading many files takes long, and what follows may be interrupted
        items = ItemStore(None if self.context.keeps_items is False else self.store.items_folder(step.name))
        context = replace(
            self.context,
            step=step.name,
            logger=StepLog(step.name),
            items=items,
            item_keys=ItemKeys(step, self.store.hasher.sha256),
            notes=Notes(),
        )
        with closing(items):
            product = step.tool.run(context, **inputs)
        files += self._file_records([path for path in dict.fromkeys(context.notes.files) if path not in known])
        manifest = Manifest(
            step=step.name,
            recipe_version=step.recipe_version,
            recipe_key=recipe,
            key=step_key(
                recipe,
                [record.sha256 for record in files],
                context.notes.items.values(),
                [record.fingerprint for record in input_records],
            ),
            options=step.effective_options(),
            inputs=input_records,
            files=tuple(files),
            products=(),
            fingerprint="",
            places=input_places(self.store.steps.values()),
            config_key=config,
            work_key=work_key(config, [record.sha256 for record in files], [each.work_key for each in before.values()]),
            items=dict(context.notes.items),
            flags=(*context.notes.flags, *_flags(step, product)),
            summary=_numbers(step, product),
            software={**software_versions(), **who_and_where(), "command": command_words()},
            start=start,
            end=now(),
        )
        with writing(self.store.step_folder(step.name), f"the product of step '{step.name}' is not written"):
            self.store.keep(step, product, manifest)
        wanted = [*context.notes.items.values(), *context.notes.kept]
        self._prune_items(step, () if context.keeps_items is False else wanted)

    def _prune_items(self, step: Step, keys: Iterable[str]) -> None:
        folder = self.store.items_folder(step.name)
        if folder is not None:
            ItemStore(folder).prune(keys)
            with suppress(OSError):
                folder.parent.rmdir()  # only where no step keeps any

    def _input_records(self, step: Step) -> tuple[InputRecord, ...]:
        records = []
        for role, source in step.inputs.items():
            for name in (source,) if isinstance(source, str) else source:
                if self.store.manifest(name) is None:
                    raise MissingStepError(f"step '{step.name}' needs the product of '{name}', which has not run")
                manifest = self._manifest_of(name)
                records.append(InputRecord(role, name, manifest.key, manifest.fingerprint))
        return tuple(records)

    def _manifest_of(self, name: str) -> Manifest:
        """The record of a product that is there."""
        manifest = self.store.manifest(name)
        assert manifest is not None
        return manifest

    def _file_records(self, paths: Sequence[Path]) -> list[FileRecord]:
        records = []
        for path in paths:
            try:
                size = 0 if path.is_dir() else path.stat().st_size
                records.append(FileRecord(str(path), self.store.hasher.sha256(path), size))
            except (FileNotFoundError, PermissionError):  # what cannot do without it has complained by now
                records.append(FileRecord(str(path), ABSENT, 0))
        return records


def _method(step: Step, name: str) -> Any:
    """A method that a tool may have, else None. Its class is asked: a component searches for similar options first."""
    return getattr(step.tool, name) if hasattr(type(step.tool), name) else None


def _input_files(step: Step, inputs: Mapping[str, Any]) -> Sequence[str | os.PathLike[str]]:
    find = _method(step, "input_files")
    return list(find(**inputs)) if find is not None else []


def _check_inputs(step: Step) -> None:
    check = _method(step, "check_inputs")
    try:
        if check is not None:
            check()
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _flags(step: Step, product: Any) -> tuple[str, ...]:
    find = _method(step, "flags")
    return tuple(find(product)) if find is not None else ()


def _numbers(step: Step, product: Any) -> dict[str, Any]:
    find = _method(step, "summary_numbers")
    return dict(plain_json(find(product))) if find is not None else {}


def _tidy(folder: Path, lock: FolderLock) -> None:
    if lock.was_stale is not None:
        logger.warning("process %s ended without unlocking %s; going on", lock.was_stale.get("pid"), folder)
    for sentence in clean_leftovers(folder):
        logger.info(sentence)

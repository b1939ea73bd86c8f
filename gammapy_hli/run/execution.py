"""Carries out one step: runs its tool, keeps the product, and records how it was made."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gammapy_hli.base.atomic_write import plain_json
from gammapy_hli.base.errors import ConfigError, FolderError, HliError, MissingStepError, StepError
from gammapy_hli.run.context import Notes, RunContext
from gammapy_hli.run.history import History
from gammapy_hli.run.items import ItemStore
from gammapy_hli.run.keys import ItemKeys, config_key, recipe_key, step_key, work_key
from gammapy_hli.run.logs import StepLog
from gammapy_hli.run.manifest import ABSENT, FileRecord, InputRecord, Manifest
from gammapy_hli.run.outdir import writing
from gammapy_hli.run.products import ProductStore, now
from gammapy_hli.run.software import command_words, software_versions, who_and_where
from gammapy_hli.run.step import Step, absolute_files, input_places, method_of

logger = logging.getLogger("gammapy_hli.run")


class StepExecution:
    """Runs steps one after the other; what a step takes must be in the store.

    Parameters
    ----------
    store : ProductStore
    context : RunContext
    history : History
        Is told of the start and the end of each.
    """

    def __init__(self, store: ProductStore, context: RunContext, history: History):
        self.store = store
        self.context = context
        self.history = history

    def run(self, step: Step) -> None:
        """Run a step and keep its product.

        Raises
        ------
        StepError
            It failed; the old product is whole.
        """
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
        self.prune_items(step, () if context.keeps_items is False else wanted)

    def prune_items(self, step: Step, keys: Iterable[str]) -> None:
        """Remove what is kept of single items, but for some keys."""
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


def _input_files(step: Step, inputs: Mapping[str, Any]) -> Sequence[str | os.PathLike[str]]:
    find = method_of(step, "input_files")
    return list(find(**inputs)) if find is not None else []


def _flags(step: Step, product: Any) -> tuple[str, ...]:
    find = method_of(step, "flags")
    return tuple(find(product)) if find is not None else ()


def _numbers(step: Step, product: Any) -> dict[str, Any]:
    find = method_of(step, "summary_numbers")
    return dict(plain_json(find(product))) if find is not None else {}

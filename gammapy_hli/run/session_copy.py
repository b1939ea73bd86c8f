"""A session written to a folder: from memory, or from another folder; records and products stay what they are."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gammapy_hli.run.hashing import files_below
from gammapy_hli.run.history import HISTORY_FILE
from gammapy_hli.run.lock import FolderLock
from gammapy_hli.run.manifest import Manifest
from gammapy_hli.run.outdir import (
    ITEMS_FOLDER,
    check_folder,
    clean_leftovers,
    mark_folder,
    remove_product,
    replace_folder,
    write_config,
    writing,
)
from gammapy_hli.run.products import ProductStore
from gammapy_hli.run.session_records import write_records
from gammapy_hli.run.signals import termination_raises
from gammapy_hli.run.step import Step


def write_session(
    source: ProductStore, folder: str | os.PathLike[str], config_text: str, *, overwrite: bool = False
) -> Path:
    """Write the products of a session with their records to a folder, in the place of a session that is there.

    What is in memory is written, what is on disk is copied byte for byte with what is kept of single runs. The
    copy is as up to date as the session is.

    Parameters
    ----------
    source : ProductStore
        With the steps of the session.
    folder : path
        Made where it is not there.
    config_text : str
        Text of ``config.yaml``.
    overwrite : bool
        Whether the folder may hold something else.

    Raises
    ------
    FolderError
        The folder is in use, cannot be written to, or holds something else.
    """
    target = check_folder(folder, overwrite=overwrite)
    with termination_raises(), FolderLock(target):
        store = ProductStore(list(source.steps.values()), target)
        is_same = source.folder is not None and os.path.realpath(source.folder) == os.path.realpath(target)
        with writing(target, "the session is not whole there"):
            mark_folder(target)
            clean_leftovers(target)
            write_config(target, config_text)
            if not is_same:
                _write_products(source, store)
            write_records(store, config_text)
    return target


def _write_products(source: ProductStore, target: ProductStore) -> None:
    assert target.folder is not None
    written: dict[str, Manifest] = {}
    there = {path.name for path in target.folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for name in there - {name for name in source.steps if source.manifest(name) is not None}:
        remove_product(target.folder / name)
    for name, step in source.steps.items():
        manifest = source.manifest(name)
        if manifest is None:
            continue
        if source.folder is not None:
            _copy(source.folder / name, target.folder / name)
        else:
            written[name] = _write_from_memory(source, target, step, manifest, written)
    shutil.rmtree(target.folder / ITEMS_FOLDER, ignore_errors=True)
    (target.folder / HISTORY_FILE).unlink(missing_ok=True)
    if source.folder is not None:
        with suppress(FileNotFoundError):
            _fill(source.folder / ITEMS_FOLDER, target.folder / ITEMS_FOLDER)
        with suppress(FileNotFoundError):
            shutil.copyfile(source.folder / HISTORY_FILE, target.folder / HISTORY_FILE)


def _copy(source: Path, target: Path) -> None:
    replace_folder(target, lambda fresh: _fill(source, fresh))


def _fill(source: Path, fresh: Path) -> None:
    """Copy all files; the first that cannot be written ends it, and is named."""
    for name, path in files_below(source).items():
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, target)
        except OSError as error:
            if error.filename2 is None:
                raise
            raise OSError(error.errno, error.strerror, str(target)) from None


def _write_from_memory(
    source: ProductStore, target: ProductStore, step: Step, manifest: Manifest, written: Mapping[str, Manifest]
) -> Manifest:
    """Write a product; its record names the inputs by what they are on disk."""
    inputs = tuple(
        replace(record, fingerprint=written[record.step].fingerprint)
        if record.step in written and _is_current(source, record.step, record.fingerprint)
        else record
        for record in manifest.inputs
    )
    return target.write(step, source.product(step.name), lambda: replace(manifest, inputs=inputs))


def _is_current(source: ProductStore, step: str, fingerprint: str) -> bool:
    manifest = source.manifest(step)
    return manifest is not None and manifest.fingerprint == fingerprint

"""A product that a user made in Python takes the place of the one that a step would make."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from gammapy_hli.run.lock import FolderLock
from gammapy_hli.run.manifest import read_manifest
from gammapy_hli.run.outdir import check_folder, clean_leftovers, mark_folder, write_config, writing
from gammapy_hli.run.products import Memory, ProductStore
from gammapy_hli.run.session_records import write_records
from gammapy_hli.run.signals import termination_raises
from gammapy_hli.run.step import Step


def give_product(
    steps: Sequence[Step],
    name: str,
    product: Any,
    *,
    outdir: str | os.PathLike[str] | None,
    memory: Memory,
    config_text: str | None = None,
) -> None:
    """Keep a product as that of a step, with the records of the session.

    Parameters
    ----------
    steps : sequence of Step
    name : str
        The step.
    product : object
        What its tool can write.
    outdir : path or None
        Output folder, made where it is not there; without it the product stays in memory.
    memory : mutable mapping
        Products of the session.
    config_text : str, optional
        Text of ``config.yaml``.

    Raises
    ------
    FolderError
        The folder is in use, cannot be written to, or holds something else.
    """
    store = ProductStore(steps, outdir, memory)
    if outdir is None:
        store.give(store.steps[name], product)
        return
    folder = check_folder(outdir)
    with termination_raises(), FolderLock(folder), writing(folder, f"the product of step '{name}' is not written"):
        mark_folder(folder)
        clean_leftovers(folder)
        if config_text is not None:
            write_config(folder, config_text)
        store.give(store.steps[name], product)
        write_records(store, config_text)


def given_steps(folder: Path | None, names: Collection[str]) -> set[str]:
    """Those of the steps whose product in a folder was set in Python."""
    if folder is None:
        return set()
    manifests = {name: read_manifest(folder / name) for name in names}
    return {name for name, manifest in manifests.items() if manifest is not None and manifest.status == "given"}

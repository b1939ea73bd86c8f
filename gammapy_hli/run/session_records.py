"""``summary.json`` and ``provenance.json``: the records of a whole session, made from the manifests of its steps."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gammapy_hli.base.atomic_write import json_text, write_text
from gammapy_hli.run.history import History, read_attempts, without_product
from gammapy_hli.run.manifest import Manifest
from gammapy_hli.run.outdir import writing
from gammapy_hli.run.plan import make_plan
from gammapy_hli.run.products import ProductStore
from gammapy_hli.run.provenance import provenance_document

SUMMARY_FILE = "summary.json"
PROVENANCE_FILE = "provenance.json"


@contextmanager
def records_at_end(store: ProductStore, config_text: str | None) -> Iterator[History]:
    """Write the records when the block ends; a failure of that never hides the one that ended the block.

    Gives the `History` that the block tells what it begins and ends.
    """
    try:
        yield History(store.folder)
        write_records(store, config_text)
    except BaseException:  # of the records themselves too: a signal may have ended the first attempt
        with suppress(Exception):
            write_records(store, config_text)
        raise


def write_records(store: ProductStore, config_text: str | None) -> None:
    """``summary.json`` and ``provenance.json`` of the steps that are up to date, also after a failure.

    The provenance tells of steps whose last execution failed, was interrupted or killed too.
    """
    if store.folder is None:
        return
    current = current_manifests(store)
    numbers = {manifest.step: manifest.summary for manifest in current if manifest.summary}
    lost = without_product(read_attempts(store.folder))
    with writing(store.folder, "the records of this run are not written"):
        _write_if_new(store.folder / SUMMARY_FILE, json_text(numbers))
        _write_if_new(store.folder / PROVENANCE_FILE, json_text(provenance_document(current, config_text, lost)))
    with suppress(OSError):
        store.hasher.save()


def current_manifests(store: ProductStore) -> list[Manifest]:
    """Records of the steps that are up to date or given, in order; products are not read again for this."""
    manifests = store.manifests()
    given = {name for name, manifest in manifests.items() if manifest is not None and manifest.status == "given"}
    plan = make_plan(list(store.steps.values()), manifests, None, store.hasher, only=set(manifests) - given)
    current = {decision.step for decision in plan.decisions if decision.action == "skip"} | given
    return [manifest for name, manifest in manifests.items() if manifest is not None and name in current]


def _write_if_new(path: Path, text: str) -> None:
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_text(path, text)

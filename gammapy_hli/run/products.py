"""The products of a chain, in memory and on disk: which are there, read when they are asked for, written as a whole."""

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from gammapy_hli.base.errors import HliError, InputError, MissingStepError
from gammapy_hli.base.file_record import mark_files
from gammapy_hli.run.hashing import FileHasher, file_hash, files_below
from gammapy_hli.run.header_record import header_record
from gammapy_hli.run.manifest import MANIFEST, FileRecord, Manifest, products_fingerprint, read_manifest
from gammapy_hli.run.outdir import HASH_CACHE, ITEMS_FOLDER, replace_folder
from gammapy_hli.run.step import Step


@dataclass(frozen=True)
class Remembered:
    """A product in memory and the record of how it was made."""

    manifest: Manifest
    product: Any


Memory = MutableMapping[str, Remembered]


class ProductStore:
    """Products of the steps of a chain.

    Parameters
    ----------
    steps : sequence of Step
    folder : path or None
        The output folder; None keeps everything in memory.
    memory : mutable mapping, optional
        Products that are in memory, by step name; shared by the runs of one session.
    """

    def __init__(self, steps: Sequence[Step], folder: str | os.PathLike[str] | None, memory: Memory | None = None):
        self.steps = {step.name: step for step in steps}
        self.folder = Path(folder) if folder is not None else None
        self._read_manifests: dict[str, tuple[tuple[int, int, int], Manifest | None]] = {}
        self.memory: Memory = memory if memory is not None else {}
        self.hasher = FileHasher(self.folder / HASH_CACHE if self.folder is not None else None)

    def step_folder(self, name: str) -> Path | None:
        return self.folder / name if self.folder is not None else None

    def folders(self) -> dict[str, Path] | None:
        """Folder of each step; None where everything is in memory."""
        return {name: self.folder / name for name in self.steps} if self.folder is not None else None

    def items_folder(self, name: str) -> Path | None:
        return self.folder / ITEMS_FOLDER / name if self.folder is not None else None

    def manifest(self, name: str) -> Manifest | None:
        """Record of a step's product that is there, or None."""
        if self.folder is not None:
            return self._manifest_on_disk(self.folder / name)
        remembered = self.memory.get(name)
        return remembered.manifest if remembered is not None else None

    def _manifest_on_disk(self, folder: Path) -> Manifest | None:
        """Read again only when the file is another one."""
        try:
            status = os.stat(folder / MANIFEST)
        except OSError:
            return None
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._read_manifests.get(folder.name)
        if known is None or known[0] != signature:
            known = self._read_manifests[folder.name] = (signature, read_manifest(folder))
        return known[1]

    def manifests(self) -> dict[str, Manifest | None]:
        return {name: self.manifest(name) for name in self.steps}

    def product(self, name: str) -> Any:
        """The product of a step: from memory where that is the same as on disk, otherwise read.

        Raises
        ------
        MissingStepError
            The step has not run.
        InputError
            Its files cannot be read.
        """
        manifest = self.manifest(name)
        if manifest is None:
            where = f" (no {self.folder / name})" if self.folder is not None else ""
            raise MissingStepError(f"step '{name}' has not run{where}; run it first, or run the whole chain")
        remembered = self.memory.get(name)
        if remembered is not None and remembered.manifest.fingerprint == manifest.fingerprint:
            return remembered.product
        product = self._read(self.steps[name])
        self.memory[name] = Remembered(manifest, product)
        return product

    def inputs(self, step: Step) -> "LazyInputs":
        """The inputs of a step by product type, each read when it is asked for."""
        return LazyInputs(self, step)

    def keep(self, step: Step, product: Any, manifest: Manifest) -> Manifest:
        """Keep the product of a step, on disk too where there is a folder; returns the completed record."""
        if self.folder is None:
            complete = replace(manifest, fingerprint=f"memory-{uuid4().hex}")
        else:
            complete = self.write(step, product, lambda: replace(manifest, end=now()))
        self.memory[step.name] = Remembered(complete, product)
        return complete

    def write(self, step: Step, product: Any, record: Callable[[], Manifest]) -> Manifest:
        """Write the folder of a step as a whole; the record is asked for when its files are written."""
        written: list[Manifest] = []

        def fill(fresh: Path) -> None:
            step.tool.write_product(product, fresh)
            mark_files(fresh, header_record(record()))
            products = tuple(product_records(fresh))
            complete = replace(record(), products=products, fingerprint=products_fingerprint(products))
            complete.write(fresh)
            written.append(complete)

        assert self.folder is not None
        replace_folder(self.folder / step.name, fill)
        return written[0]

    def give(self, step: Step, product: Any) -> Manifest:
        """Take a product that the user has made in Python in the place of the step's own."""
        token = uuid4().hex
        content = _content_key(step, product) or token
        record = Manifest(
            step=step.name,
            recipe_version=step.recipe_version,
            recipe_key=f"given-{token}",
            key=f"given-{token}",
            options=step.effective_options(),
            inputs=(),
            files=(),
            products=(),
            fingerprint="",
            config_key=f"given-{content}",
            work_key=f"given-{content}",
            status="given",
            start=now(),
            end=now(),
        )
        return self.keep(step, product, record)

    def _read(self, step: Step) -> Any:
        folder = self.step_folder(step.name)
        if folder is None:
            raise MissingStepError(f"step '{step.name}' is not in memory; run it first")
        try:
            return step.tool.read_product(folder, self.inputs(step))
        except HliError:
            raise
        except Exception as error:
            message = f"{folder}: the product cannot be read ({type(error).__name__}: {error}); run the step again"
            raise InputError(f"{message} with --force {step.name}") from error


class Several(tuple[Any, ...]):
    """Products of several steps that feed one input: a tuple, and ``steps`` holds the names of the steps."""

    steps: tuple[str, ...]

    def __new__(cls, steps: Sequence[str], products: Sequence[Any]) -> "Several":
        made = super().__new__(cls, products)
        made.steps = tuple(steps)
        return made

    def by_step(self) -> dict[str, Any]:
        """The products by the name of their step."""
        return dict(zip(self.steps, self, strict=True))


class LazyInputs(Mapping[str, Any]):
    """The inputs of a step as a mapping; a product is read when its item is first taken."""

    def __init__(self, store: ProductStore, step: Step):
        self._store = store
        self._wires = dict(step.inputs)

    def __getitem__(self, role: str) -> Any:
        source = self._wires[role]
        if isinstance(source, str):
            return self._store.product(source)
        return Several(source, [self._store.product(name) for name in source])

    def __iter__(self) -> Iterator[str]:
        return iter(self._wires)

    def __len__(self) -> int:
        return len(self._wires)


def _content_key(step: Step, product: Any) -> str:
    """Hash of the files that a product is written to; '' where it cannot be written."""
    with TemporaryDirectory() as folder:
        try:
            step.tool.write_product(product, Path(folder))
        except Exception:  # of whatever kind: a session in memory does without files
            return ""
        return products_fingerprint(tuple(product_records(Path(folder))))


def product_records(folder: Path) -> list[FileRecord]:
    """Name, hash and size of all files of a product."""
    return [FileRecord(name, file_hash(path), path.stat().st_size) for name, path in files_below(folder).items()]


def now() -> str:
    """The time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")

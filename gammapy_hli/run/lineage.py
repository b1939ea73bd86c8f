"""The way back from a file to what it was made from, by the manifests of an output folder."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gammapy_hli.base.errors import FolderError, InputError
from gammapy_hli.base.file_record import read_record
from gammapy_hli.base.near_path import not_there
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.run.hashing import FileHasher, file_hash
from gammapy_hli.run.header_record import header_record
from gammapy_hli.run.manifest import ABSENT, FileRecord, Manifest, read_manifest
from gammapy_hli.run.plan import Moves

State = Literal["whole", "changed", "missing", "unreadable", "out of date"]


@dataclass(frozen=True)
class Session:
    """An output folder with the records of its steps, each after those whose products it took."""

    folder: Path
    manifests: dict[str, Manifest]

    def back_from(self, step: str | None = None) -> "Session":
        """The session of one step and all that it was made from; None leaves all."""
        if step is None:
            return self
        wanted = {step}
        for name in reversed(self.manifests):
            if name in wanted:
                wanted |= {record.step for record in self.manifests[name].inputs}
        return replace(self, manifests={name: one for name, one in self.manifests.items() if name in wanted})

    def product_path(self, step: str, record: FileRecord) -> Path:
        """Where a file of a product is."""
        return self.folder / step / record.path


@dataclass(frozen=True)
class Place:
    """A file, and where it belongs.

    Attributes
    ----------
    path : Path
    session : Session
    step : str or None
        The step that made it; None for a whole output folder.
    product : FileRecord or None
        Its record; None for the folder of a step.
    is_whole : bool
        Whether its content is what the step wrote.
    """

    path: Path
    session: Session
    step: str | None = None
    product: FileRecord | None = None
    is_whole: bool = True


@dataclass(frozen=True)
class Finding:
    """One file, or one step, as it is found against the record of a step."""

    step: str
    kind: Literal["input", "product", "step"]
    path: str
    state: State
    size: int = 0


def read_session(folder: str | os.PathLike[str]) -> Session:
    """The session in an output folder.

    Raises
    ------
    InputError
        There is no such folder.
    FolderError
        It holds no product of a step.
    """
    folder = Path(folder)
    if not folder.is_dir():
        is_file = folder.exists()
        raise InputError(f"{folder}: is a file; expected an output folder" if is_file else not_there(folder, "folder"))
    found = {path.name: manifest for path in sorted(folder.iterdir()) if (manifest := read_manifest(path)) is not None}
    if not found:
        raise FolderError(
            f"{folder}: holds no product of a step; expected the outdir of a run, with <step>/manifest.json"
        )
    return Session(folder, _in_order(found))


def locate(path: str | os.PathLike[str], outdir: str | os.PathLike[str] | None = None) -> Place:
    """Find the step that made a file.

    A file inside an output folder is known by its name, one elsewhere (or in another folder than ``outdir``) by its
    content, or by the record in its header where the content has been changed.

    Parameters
    ----------
    path : path
        A file, the folder of a step, or an output folder.
    outdir : path, optional
        The output folder that it comes from; needed for files that were copied away.

    Raises
    ------
    InputError
        There is no such file, or no step is known to have made it.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(not_there(path, "file"))
    session = read_session(outdir) if outdir is not None else _session_above(path)
    if session is None:
        raise InputError(f"{path}: is in no output folder. Name the one it comes from: --outdir FOLDER")
    if path.resolve().is_relative_to(session.folder.resolve()):
        return _inside(path, session)
    return _by_content(path, session)


def check_session(session: Session, places: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Every input and product of every step against its record; files are read again, each once.

    Parameters
    ----------
    session : Session
    places : mapping of dotted path to path, optional
        Where the inputs stand now that options name: a store that was moved is looked for in its new place.
    """
    hasher = FileHasher()
    for name, manifest in session.manifests.items():
        moves = Moves.between(manifest.places, places or {})
        for record in manifest.files:
            place = moves.now(record.path)
            yield Finding(name, "input", place, _state(Path(place), record, hasher), record.size)
        for record in manifest.products:
            path = session.product_path(name, record)
            yield Finding(name, "product", str(path), _state(path, record, hasher), record.size)
        for taken in manifest.inputs:
            current = session.manifests.get(taken.step)
            if current is None:
                yield Finding(name, "step", taken.step, "missing")
            elif (current.key, current.fingerprint) != (taken.key, taken.fingerprint):
                yield Finding(name, "step", taken.step, "out of date")


def _state(path: Path, record: FileRecord, hasher: FileHasher) -> State:
    try:
        found = hasher.sha256(path)
    except FileNotFoundError:
        return "whole" if record.sha256 == ABSENT else "missing"
    except OSError:
        return "unreadable"
    return "whole" if found == record.sha256 else "changed"


def _in_order(found: dict[str, Manifest]) -> dict[str, Manifest]:
    """Each after its inputs; otherwise in the order in which they were made."""
    rest = dict(sorted(found.items(), key=lambda item: item[1].start))
    ordered: dict[str, Manifest] = {}
    while rest:
        ready = [name for name, one in rest.items() if not {record.step for record in one.inputs} & set(rest)]
        for name in ready[:1] or list(rest):
            ordered[name] = rest.pop(name)
    return ordered


def _session_above(path: Path) -> Session | None:
    """The session that a file or folder belongs to."""
    for folder in (path, *path.absolute().parents):
        if folder.is_dir() and any(read_manifest(below.parent) is not None for below in folder.glob("*/manifest.json")):
            return read_session(folder)
    return None


def _inside(path: Path, session: Session) -> Place:
    parts = path.resolve().relative_to(session.folder.resolve()).parts
    if not parts:
        return Place(path, session)
    step, name = parts[0], "/".join(parts[1:])
    manifest = session.manifests.get(step)
    if manifest is None:
        hint = did_you_mean(step, session.manifests)
        raise InputError(f"{path}: is no product of a step.{hint} Steps: {', '.join(session.manifests)}")
    if path.is_dir():
        return Place(path, session, step)
    for record in manifest.products:
        if record.path == name:
            return Place(path, session, step, record, file_hash(path) == record.sha256)
    names = [record.path for record in manifest.products]
    raise InputError(f"{path}: is none of the files that '{step}' wrote.{did_you_mean(name, names)}")


def _by_content(path: Path, session: Session) -> Place:
    if path.is_dir():
        raise InputError(f"{path}: is a folder outside of {session.folder}; give a file")
    content = file_hash(path)
    for step, manifest in session.manifests.items():
        for record in manifest.products:
            if record.sha256 == content:
                return Place(path, session, step, record)
    told = read_record(path)
    if not told:
        raise InputError(f"{path}: has no record of provenance, and is none of the files in {session.folder}")
    for step, manifest in session.manifests.items():
        known = header_record(manifest)
        if told.get("HLIKEY") == known["HLIKEY"] and told.get("HLISTEP") == step:
            named = [record for record in manifest.products if os.path.basename(record.path) == path.name]
            return Place(path, session, step, named[0] if len(named) == 1 else None, False)
    raise InputError(
        f"{path}: was made by {told.get('CREATOR')}, step '{told.get('HLISTEP')}', key {told.get('HLIKEY')}; no step "
        f"in {session.folder} has that key. It comes from another folder, or the step has run again since"
    )

"""Hashes: sha256 of files, with a cache by path, size and times, and of plain documents in a canonical form."""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from gammapy_hli.base.atomic_write import plain_json, write_json

_BLOCK = 1 << 20
_PARTS = 4  # of an entry: size, times of content and of record, hash
_SETTLED_NS = 2_000_000_000  # a file younger than this may change again without a change of its time stamp


def canonical_json(document: Any) -> str:
    """JSON text that is the same for equal documents: sorted keys, no blanks, nan as null."""
    return json.dumps(plain_json(document), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def document_hash(document: Any) -> str:
    """sha256 of a plain document in its canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(document).encode("ascii")).hexdigest()


def file_hash(path: str | os.PathLike[str]) -> str:
    """sha256 of the content of a file, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class FileHasher:
    """sha256 of files; a file whose path, size and times are unchanged is not read again.

    The times are that of its content and that of its record in the file system, which programs that copy or unpack
    files cannot set back: another file of the same size and age is noticed.

    Parameters
    ----------
    cache : path, optional
        JSON file in which hashes are kept between runs. A cache that cannot be read is begun anew.

    Notes
    -----
    A file that was changed within the last two seconds before it was hashed is not kept: it could change again within
    the resolution of the time stamp.
    """

    def __init__(self, cache: str | os.PathLike[str] | None = None):
        self.cache = Path(cache) if cache is not None else None
        self._known: dict[str, list[Any]] = self._load()
        self._changed = False

    def sha256(self, path: str | os.PathLike[str]) -> str:
        """Hash of a file; of a folder, the hash of the names and hashes of all files below it.

        Raises
        ------
        FileNotFoundError
            Where there is nothing under that path.
        """
        absolute = os.path.realpath(path)
        if os.path.isdir(absolute):
            return document_hash({name: self.sha256(file) for name, file in files_below(absolute).items()})
        status = os.stat(absolute)
        entry = self._known.get(absolute)
        state = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        if entry is not None and entry[:-1] == state:
            return str(entry[-1])
        now = time.time_ns()
        found = file_hash(absolute)
        if now - status.st_mtime_ns > _SETTLED_NS:
            self._known[absolute] = [*state, found]
            self._changed = True
        return found

    def save(self) -> None:
        """Write the cache, where there is one and something is new; entries of files that are gone are dropped."""
        if self.cache is None or not self._changed or not self.cache.parent.is_dir():
            return
        write_json(self.cache, {path: entry for path, entry in self._known.items() if os.path.exists(path)})
        self._changed = False

    def _load(self) -> dict[str, list[Any]]:
        if self.cache is None:
            return {}
        try:
            found = json.loads(self.cache.read_text(encoding="utf-8"))
            return {str(path): list(entry) for path, entry in found.items() if len(entry) == _PARTS}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}


def files_below(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """All files below a folder by their relative name with ``/``, sorted."""
    root = Path(folder)
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))

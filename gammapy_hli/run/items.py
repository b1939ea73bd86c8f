"""Results of single items (a run, an interval) kept by key, so that an interrupted step goes on where it stopped.

An item is a plain document and arrays of numpy; what they mean is up to the tool, and nothing in them is ever executed.
The files are in `item_file`; every execution begins new ones, so that none is written to that an interrupted run left.
"""

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gammapy_hli.run.item_file import SUFFIX, ItemWriter, Place, read_item, scan_items

MOST_BYTES = 1 << 26  # of a file; then the next one is begun
logger = logging.getLogger("gammapy_hli.run")


class ItemStore:
    """Items in a hidden folder beside the products.

    A damaged item is an absent one: it can be made again. A store that cannot be written to (a full device) says so
    once and keeps nothing more; the step goes on. One process writes.

    Parameters
    ----------
    folder : path or None
        None keeps nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None):
        self.folder = Path(folder) if folder is not None else None
        self._known: dict[str, Place] | None = None
        self._writer: ItemWriter | None = None
        self._has_failed = False

    def __contains__(self, key: str) -> bool:
        return key in self._places()

    @property
    def keeps(self) -> bool:
        """Whether what is written is kept."""
        return self.folder is not None and not self._has_failed

    def read(self, key: str) -> tuple[Any, list[Any]]:
        """Document and arrays (read-only) of an item; KeyError where there is none that is whole."""
        place = self._places()[key]
        try:
            return read_item(place)
        except (OSError, ValueError) as error:
            self.forget(key)
            raise KeyError(key) from error

    def write(self, key: str, document: Any, arrays: Sequence[Any] = ()) -> None:
        """Keep an item; nothing is done where it is there already."""
        if self.folder is None or self._has_failed or key in self:
            return
        try:
            if self._writer is not None and self._writer.size > MOST_BYTES:
                self.close()
            self._writer = self._writer or ItemWriter(self.folder)
            self._places()[key] = self._writer.append(key, document, arrays)
        except OSError as error:
            self._has_failed = True
            self.close()
            told = "what is finished from now on is lost if this step is interrupted"
            logger.warning("%s: %s; %s", self.folder, error.strerror, told)

    def forget(self, key: str) -> None:
        """Take an item for one that is not there."""
        self._places().pop(key, None)

    def close(self) -> None:
        """End the file that was begun."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def prune(self, keys: Iterable[str]) -> None:
        """Remove all items but those of the given keys, and what an interrupted run left.

        A file that holds more of what is not wanted than of what is, is written anew; from others nothing is taken.
        """
        self.close()
        if self.folder is None or not self.folder.is_dir():
            return
        wanted = [key for key in dict.fromkeys(keys) if key in self]
        useful = Counter[Path]()
        for key in wanted:
            useful[self._places()[key].path] += self._places()[key].size
        mostly_unwanted = {path for path, size in useful.items() if 2 * size < os.path.getsize(path)}
        for key in wanted:
            if self._places()[key].path in mostly_unwanted:
                self._move(key)
        self.close()
        still_used = {self._places()[key].path for key in wanted if key in self}
        for entry in self.folder.iterdir():
            if entry not in still_used:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        with suppress(OSError):
            self.folder.rmdir()  # only where nothing is left
        self._known = None

    def _move(self, key: str) -> None:
        """From the file it stands in to that of this execution."""
        with suppress(KeyError):
            place, content = self._places()[key], self.read(key)
            self.forget(key)
            self.write(key, *content)
            if key not in self:  # it could not be written
                self._places()[key] = place

    def _places(self) -> dict[str, Place]:
        if self._known is None:
            self._known = {}
            if self.folder is not None and self.folder.is_dir():
                for path in sorted(self.folder.glob(f"*{SUFFIX}")):
                    with suppress(OSError):
                        self._known |= scan_items(path)
        return self._known

"""Results of single items (a run, an interval) kept by key, so that an interrupted step goes on where it stopped."""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from gammapy_hli.base.atomic_write import TEMPORARY_SUFFIX, temporary_name

T = TypeVar("T")


class ItemStore:
    """A small folder of files for each item key, in a hidden folder beside the products.

    How a value is written and read is up to the tool, in the formats of its products: nothing in these files is ever
    executed. An item is whole or absent. Safe for several processes that write different keys.

    Parameters
    ----------
    folder : path or None
        None keeps nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None):
        self.folder = Path(folder) if folder is not None else None

    def __contains__(self, key: str) -> bool:
        return self.folder is not None and (self.folder / key).is_dir()

    def read(self, key: str, read: Callable[[Path], T]) -> T:
        """The value that ``read`` makes of the item's folder; KeyError where there is none that can be read."""
        if key not in self:
            raise KeyError(key)
        assert self.folder is not None
        try:
            return read(self.folder / key)
        except Exception as error:  # whatever is wrong with it, the item can be made again
            shutil.rmtree(self.folder / key, ignore_errors=True)
            raise KeyError(key) from error

    def write(self, key: str, write: Callable[[Path], Any]) -> None:
        """Keep an item: ``write`` fills the folder that it is given."""
        if self.folder is None or key in self:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(self.folder / key)
        temporary.mkdir()
        try:
            write(temporary)
            os.rename(temporary, self.folder / key)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def prune(self, keys: Iterable[str]) -> None:
        """Remove all items but those of the given keys, and what an interrupted run left."""
        if self.folder is None or not self.folder.is_dir():
            return
        wanted = set(keys)
        for path in self.folder.iterdir():
            if path.name not in wanted or path.name.endswith(TEMPORARY_SUFFIX):
                shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            self.folder.rmdir()  # only where nothing is left

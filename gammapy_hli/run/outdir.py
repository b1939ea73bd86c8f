"""The output folder: whether it is ours, and how a step's folder is replaced as a whole."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gammapy_hli.base.atomic_write import TEMPORARY_SUFFIX, sync_folder, temporary_name, whole_folder, write_text
from gammapy_hli.base.errors import FolderError
from gammapy_hli.run.hashing import files_below
from gammapy_hli.run.lock import LOCK_FILE
from gammapy_hli.run.manifest import MANIFEST, read_manifest

CONFIG_FILE = "config.yaml"
CONFIG_MARK = "# gammapy_hli session: every option in force, with its origin"
HASH_CACHE = ".hashes.json"
ITEMS_FOLDER = ".items"
MARK_FILE = ".gammapy_hli"
_OWN_FILES = {LOCK_FILE, HASH_CACHE, ITEMS_FOLDER, MARK_FILE}
_LEFTOVER = re.compile(r"\.(?P<step>.+)\.(?P<kind>new|old)-\d+-[0-9a-f]{8}")


def is_ours(folder: Path) -> bool:
    """True where a folder holds a session of gammapy_hli, whole or begun."""
    if (folder / MARK_FILE).is_file():
        return True
    with suppress(OSError, UnicodeDecodeError), open(folder / CONFIG_FILE, encoding="utf-8") as stream:
        if stream.readline(200).startswith(CONFIG_MARK):
            return True
    return any(read_manifest(path.parent) is not None for path in folder.glob(f"*/{MANIFEST}"))


def check_folder(folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Make the folder, or see that it is empty or ours.

    Raises
    ------
    FolderError
        It holds something else and ``overwrite`` is false, or it cannot be made.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        names = sorted(entry.name for entry in path.iterdir() if not _is_own(entry.name))
    except FileExistsError:
        raise FolderError(f"{path} is a file; expected a folder. Choose another general.outdir") from None
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror}; choose another general.outdir") from None
    if names and not overwrite and not is_ours(path):
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        message = f"{path} holds files that are not of gammapy_hli ({shown}); choose an empty folder for general.outdir"
        raise FolderError(f"{message}, or allow it with --overwrite")
    return path


@contextmanager
def writing(folder: Path | None, lost: str) -> Iterator[None]:
    """What cannot be written in the block, for want of room or right, is a FolderError that says what is lost.

    Parameters
    ----------
    folder : path or None
        Where the block writes; None where it does not.
    lost : str
        What is not there now, in words.
    """
    try:
        yield
    except OSError as error:
        if folder is None:
            raise
        where = error.filename if isinstance(error.filename, str) and not _is_hidden(error.filename, folder) else folder
        message = (
            f"{where}: {error.strerror or error}; {lost}. What is done is kept: make room or give the right to write"
        )
        raise FolderError(f"{message}, and run again, or choose another general.outdir") from error


def _is_hidden(path: str, folder: Path) -> bool:
    """Whether a path holds a name that nobody will find afterwards."""
    return any(name.startswith(".") for name in Path(os.path.relpath(path, folder)).parts if name != "..")


def mark_folder(folder: Path) -> None:
    """Say that the folder is ours, so that a run which ends before its first product can go on."""
    path = folder / MARK_FILE
    if not path.exists():
        write_text(path, "Made by gammapy_hli: the other files here may be replaced when it runs again.\n")


def write_config(folder: Path, text: str) -> None:
    """Write ``config.yaml`` with the mark by which the folder is known as ours; an equal file is left alone.

    Raises
    ------
    FolderError
        A ``config.yaml`` is there that a person wrote.
    """
    marked = text if text.startswith(CONFIG_MARK) else f"{CONFIG_MARK}\n{text}"
    path = folder / CONFIG_FILE
    with suppress(FileNotFoundError, UnicodeDecodeError):
        found = path.read_text(encoding="utf-8")
        if found == marked:
            return
        if not found.startswith(CONFIG_MARK):
            raise FolderError(f"{path} was not written by gammapy_hli and would be replaced; give it another name")
    write_text(path, marked)


def clean_leftovers(folder: Path) -> list[str]:
    """Bring a folder that a killed run left behind into order; to be called under the lock.

    A step's old folder that was moved away, but whose successor did not arrive, is moved back; what was begun is
    removed.

    Returns
    -------
    list of str
        What was done, a sentence each.
    """
    done = []
    for entry in sorted(folder.iterdir()):
        match = _LEFTOVER.fullmatch(entry.name)
        if match and entry.is_dir():
            final = folder / match["step"]
            if match["kind"] == "old" and not final.exists():
                os.rename(entry, final)
                done.append(f"restored {final.name}/ of an interrupted run")
            else:
                shutil.rmtree(entry, ignore_errors=True)
                done.append(f"removed unfinished {match['step']}/ of an interrupted run")
        elif entry.name.startswith(".") and entry.name.endswith(TEMPORARY_SUFFIX) and entry.is_file():
            entry.unlink(missing_ok=True)
    return done


def replace_folder(final: Path, write: Callable[[Path], None]) -> None:
    """Fill a new folder and put it in the place of the old one as a whole.

    Files in the old folder that its manifest does not list (notes of the user) are taken along, all of them where there
    is no manifest (a folder of the user that has the name of a step). Whatever happens, the
    old folder or the new one is there in the end, at the latest after `clean_leftovers`.

    Parameters
    ----------
    final : path
    write : callable
        Gets the new, empty folder.
    """
    new = _sibling(final, "new")
    new.mkdir()
    try:
        with whole_folder(new):
            write(new)
        if not final.exists():
            os.rename(new, final)
        else:
            _keep_foreign_files(final, new)
            _swap(new, final)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    sync_folder(final.parent)


def _swap(new: Path, final: Path) -> None:
    old = _sibling(final, "old")
    os.rename(final, old)
    try:
        os.rename(new, final)
    except BaseException:
        if not final.exists():
            os.rename(old, final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def remove_product(folder: Path) -> None:
    """Take the product of a step away; files that its manifest does not list stay, with their folder."""
    manifest = read_manifest(folder)
    if manifest is None:
        return
    for name in (*(record.path for record in manifest.products), MANIFEST):
        (folder / name).unlink(missing_ok=True)
    below = (path for path in folder.rglob("*") if path.is_dir())
    for path in (*sorted(below, reverse=True), folder):
        with suppress(OSError):  # it holds something
            path.rmdir()


def _keep_foreign_files(old: Path, new: Path) -> None:
    manifest = read_manifest(old)
    if manifest is None and (old / MANIFEST).exists():
        return  # a damaged product: nobody knows which files are of it
    known = {MANIFEST} if manifest is None else {MANIFEST, *(record.path for record in manifest.products)}
    for name, path in files_below(old).items():
        target = new / name
        if name not in known and not name.endswith(TEMPORARY_SUFFIX) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _sibling(final: Path, kind: str) -> Path:
    """``.fit.new-1234-0123abcd`` beside ``fit``."""
    unique = temporary_name(final).name.removesuffix(TEMPORARY_SUFFIX).rpartition(".")[2]
    return final.with_name(f".{final.name}.{kind}-{unique}")


def _is_own(name: str) -> bool:
    return name in _OWN_FILES or _LEFTOVER.fullmatch(name) is not None or name.endswith(TEMPORARY_SUFFIX)

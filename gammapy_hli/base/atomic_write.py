"""Files that appear whole or not at all: temporary name in the same folder, fsync, rename.

Files of a folder that is put in its place as a whole (`whole_folder`) need neither: they are brought to the disk
together, when all are written.
"""

import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

TEMPORARY_SUFFIX = ".part"
_TEMPORARY = re.compile(rf"\..+\.\d+-[0-9a-f]{{8}}{re.escape(TEMPORARY_SUFFIX)}", re.DOTALL)
_N_SYNC = 16  # files that are brought to the disk at once: it waits for itself, not for the processor
_whole: ContextVar[str | None] = ContextVar("folder that nobody sees yet", default=None)


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing that takes its final name only when the block ends without an exception.

    Parameters
    ----------
    path : path
        Final name. Its folder must exist. A file that is there keeps its content until the rename.
    mode : {"w", "wb"}
        Text (UTF-8, ``\\n``) or bytes.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode is {mode!r}; expected 'w' or 'wb'")
    folder = _whole.get()
    if folder is not None and os.path.abspath(path).startswith(folder):
        with _named_in_errors(path), _plain_write(path, mode) as stream:
            yield stream
        return
    final = Path(os.path.realpath(path))
    temporary = temporary_name(final)
    with _named_in_errors(path, temporary), _renamed_write(temporary, final, mode) as stream:
        yield stream


@contextmanager
def _named_in_errors(path: str | os.PathLike[str], temporary: Path | None = None) -> Iterator[None]:
    """An OSError of a write names the file that was to be written, not nothing or a name that nobody will find."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(error.filename) == str(temporary)):
            error.filename = os.fspath(path)
        raise


@contextmanager
def _renamed_write(temporary: Path, final: Path, mode: str) -> Iterator[IO[Any]]:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with _opened(descriptor, mode) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, final)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(final.parent)


@contextmanager
def whole_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """In the block, files below a folder that nobody sees yet are written as they are; behind it all are on the disk.

    Parameters
    ----------
    folder : path
        A new folder, which takes its final name behind the block. What is in it after an exception is of no use.
    """
    token = _whole.set(os.path.join(os.path.abspath(folder), ""))
    try:
        yield
    finally:
        _whole.reset(token)
    sync_tree(folder)


def sync_tree(folder: str | os.PathLike[str]) -> None:
    """Bring all files and folders below a folder, and itself, to the disk, many at once."""
    files: list[str] = []
    folders: list[str] = []
    for parent, _, names in os.walk(folder):
        files += [os.path.join(parent, name) for name in names]
        folders.append(parent)
    if len(files) <= _N_SYNC:
        for path in files:
            _sync(path)
    else:
        from concurrent.futures import ThreadPoolExecutor  # late: only where there are many files

        with ThreadPoolExecutor(_N_SYNC) as threads:
            for _ in threads.map(_sync, files):
                pass
    for parent in folders:
        sync_folder(parent)


@contextmanager
def _plain_write(path: str | os.PathLike[str], mode: str) -> Iterator[IO[Any]]:
    with suppress(FileNotFoundError):
        os.unlink(path)  # it may be a link to a file that others use
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with _opened(descriptor, mode) as stream:
            yield stream
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise


def _opened(descriptor: int, mode: str) -> IO[Any]:
    if "b" in mode:
        return os.fdopen(descriptor, mode)
    return os.fdopen(descriptor, mode, encoding="utf-8", newline="\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path, "w") as stream:
        stream.write(text)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a binary file atomically."""
    with atomic_write(path, "wb") as stream:
        stream.write(data)


def write_json(path: str | os.PathLike[str], document: Any) -> None:
    """Write a JSON file atomically: keys in the order given, indent 2, nan and infinities as null."""
    write_text(path, json_text(document))


def json_text(document: Any) -> str:
    """The text that `write_json` writes."""
    return json.dumps(plain_json(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain_json(value: Any) -> Any:
    """The value in types that JSON knows; numpy scalars and arrays become numbers and lists, nan becomes None."""
    if value is None or isinstance(value, bool | str):
        return str(value) if type(value) not in (bool, str, type(None)) and isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain_json(item) for item in items]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist") and not hasattr(value, "unit"):  # numpy, which is not imported here
        return plain_json(value.tolist())
    raise TypeError(
        f"{type(value).__name__} {value!r} cannot be written as JSON; pass plain numbers, text, lists, dicts"
    )


def temporary_name(path: Path) -> Path:
    """A hidden name in the same folder that nothing else uses."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")


def remove_temporary_files(*folders: Path) -> None:
    """Remove what processes that were killed left under names of `temporary_name`."""
    for folder in folders:
        for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Bring renames in a folder to the disk, where the system allows it."""
    with suppress(OSError):
        _sync(folder)


def _sync(path: str | os.PathLike[str]) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

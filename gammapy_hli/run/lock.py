"""One run at a time in a folder: a lock file that names its owner and ends with the process that holds it."""

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gammapy_hli.base.errors import FolderError

LOCK_FILE = ".lock"


class FolderLock:
    """Lock on an output folder, as a context manager.

    The file ``.lock`` holds process number, host and start of the owner; the lock itself is the kernel's (``flock``),
    so that it ends with its process, however that ends. A lock file whose process is gone is taken over; ``was_stale``
    then holds what stood in it. An owner on another host is believed, because not every file system passes locks on.

    Raises
    ------
    FolderError
        On entering, where another run holds the lock; the message names it.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.path = Path(folder) / LOCK_FILE
        self.was_stale: dict[str, Any] | None = None
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        while self._descriptor is None:
            self._descriptor = self._try()
        record = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "start": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(record).encode(), 0)
        except OSError as error:
            self.__exit__()
            raise self._unusable(error) from None
        return self

    def __exit__(self, *exception: object) -> None:
        if self._descriptor is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def _try(self) -> int | None:
        """The open and locked file; None where it was removed meanwhile and must be tried again."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError(self._busy(_owner(descriptor))) from None
            except OSError:
                self._believe_process_number(descriptor)
            if not self._is_still_there(descriptor):
                os.close(descriptor)
                return None
            self.was_stale = self._check_leftover(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _unusable(self, error: OSError) -> FolderError:
        return FolderError(f"{self.path.parent}: cannot write here ({error.strerror}); choose another general.outdir")

    def _is_still_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _check_leftover(self, descriptor: int) -> dict[str, Any] | None:
        owner = _owner(descriptor)
        if owner and owner.get("host") != socket.gethostname():
            raise FolderError(self._busy(owner) + f". If that run has ended, remove {self.path}")
        return owner or None

    def _believe_process_number(self, descriptor: int) -> None:
        """For file systems without locks."""
        owner = _owner(descriptor)
        if owner.get("host") == socket.gethostname() and is_alive(int(owner.get("pid", 0))):
            raise FolderError(self._busy(owner))

    def _busy(self, owner: dict[str, Any]) -> str:
        if not owner:
            return f"{self.path.parent} is in use by another run; wait for it, or choose another general.outdir"
        return (
            f"{self.path.parent} is in use by process {owner.get('pid')} on {owner.get('host')} since "
            f"{owner.get('start')}; wait for it, or choose another general.outdir"
        )


def is_alive(pid: int) -> bool:
    """True where a process of that number runs on this host."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _owner(descriptor: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(descriptor, 10_000, 0) or b"{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

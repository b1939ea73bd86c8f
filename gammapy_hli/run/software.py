"""Which software does the work: versions of Python and of the packages that decide about results."""

import functools
import getpass
import importlib.metadata
import platform
import socket
import sys
from typing import Any

from gammapy_hli import __version__

PACKAGES = ("numpy", "scipy", "astropy", "regions", "iminuit", "traitlets", "PyYAML")


def software_versions() -> dict[str, Any]:
    """Name and version of this package, of Python, of the system and of the packages below it."""
    return {
        "gammapy_hli": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
    }


def who_and_where() -> dict[str, str]:
    """User and host, as far as they are known; for provenance, never for products."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return {"user": user, "host": socket.gethostname()}


def command_words() -> list[str]:
    """The command line of this process."""
    return list(sys.argv)


@functools.cache  # metadata is read from disk, and every step asks
def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

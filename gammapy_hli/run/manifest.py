"""``manifest.json``: what stands in a step's folder, what it was made from, and how. It is written last."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gammapy_hli.base.atomic_write import write_json
from gammapy_hli.run.hashing import document_hash
from gammapy_hli.run.step import Option

MANIFEST = "manifest.json"
ABSENT = "absent"
FORMAT = "gammapy_hli manifest"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class FileRecord:
    """A file: path (absolute for inputs, relative to the folder for products), sha256, size [byte].

    An input that a step looked for in vain has `ABSENT` in place of the hash: the step runs again when it can be read.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class InputRecord:
    """A product that a step took: under which name, of which step, in which state."""

    role: str
    step: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Manifest:
    """The record of one execution of a step.

    Attributes
    ----------
    step : str
        Name with label.
    recipe_version : int
    recipe_key, key : str
        See `gammapy_hli.run.keys`.
    config_key, work_key : str
        See there too: what was asked for, and that with all input data, wherever these stand. They are told in the
        headers of the products.
    options : mapping of dotted path to Option
    inputs : tuple of InputRecord
    files : tuple of FileRecord
        Input files from outside the chain.
    places : mapping of str
        Where the inputs stood that options of the chain name, by dotted path.
    products : tuple of FileRecord
    fingerprint : str
        Hash of the products; for a product that is in memory only, a text of its own.
    items : mapping of item name to item key
    flags : tuple of str
        Sentences about what a user should look at (exit code 4).
    summary : mapping
        Headline numbers.
    software : mapping
        Versions and command line.
    status : str
        "complete", or "given" for a product that was set in Python.
    start, end : str
        UTC, ISO 8601.
    """

    step: str
    recipe_version: int
    recipe_key: str
    key: str
    options: Mapping[str, Option]
    inputs: tuple[InputRecord, ...]
    files: tuple[FileRecord, ...]
    products: tuple[FileRecord, ...]
    fingerprint: str
    config_key: str = ""
    work_key: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, Any] = field(default_factory=dict)
    status: str = "complete"
    start: str = ""
    end: str = ""

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``manifest.json`` into the folder, atomically."""
        write_json(Path(folder) / MANIFEST, {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)})


def read_manifest(folder: str | os.PathLike[str]) -> Manifest | None:
    """The manifest of a step's folder; None where there is none, or one that is not whole or not ours."""
    try:
        found = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
        if found.pop("format") != FORMAT or found.pop("format_version") != FORMAT_VERSION:
            return None
        found["options"] = {path: Option(**option) for path, option in found["options"].items()}
        found["inputs"] = tuple(InputRecord(**record) for record in found["inputs"])
        found["files"] = tuple(FileRecord(**record) for record in found["files"])
        found["products"] = tuple(FileRecord(**record) for record in found["products"])
        found["flags"] = tuple(found["flags"])
        return Manifest(**found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def products_fingerprint(products: tuple[FileRecord, ...]) -> str:
    """Hash of names and contents of products."""
    return document_hash({record.path: record.sha256 for record in products})

"""The HDU index of a DL3 store: which HDU of which file holds what (GADF `HDU_INDEX`, NUMERICS.md A.2)."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.fits_file import FitsFile, FitsTable

log = logging.getLogger(__name__)

#: What a run may hold.
HDU_TYPES = ("events", "gti", "pointing", "aeff", "edisp", "psf", "bkg", "rad_max")

#: Other spellings of the types, met in index files, extension names and HDUCLAS2 keywords.
TYPE_SPELLINGS = {
    "bgd": "bkg", "background": "bkg", "pnt": "pointing", "radmax": "rad_max", "rad-max": "rad_max",
    "effective area": "aeff", "eff_area": "aeff", "specresp": "aeff", "energy dispersion": "edisp",
    "point spread function": "psf", "rpsf": "psf",
}  # fmt: skip


@dataclass(frozen=True)
class HduLocation:
    """Where one HDU of a run is.

    Attributes
    ----------
    kind
        One of `HDU_TYPES`.
    hdu_class
        GADF class such as 'psf_3gauss', lower case; '' where the index has none.
    path
        File.
    hdu_name
        Name of the HDU in the file; '' where the index has none (then the first HDU of that kind).
    is_shared
        Whether other runs use the same HDU.
    """

    kind: str
    hdu_class: str
    path: Path
    hdu_name: str
    is_shared: bool = False


def read_obs_ids(table: FitsTable, column: str = "OBS_ID") -> np.ndarray:
    """Give run numbers as int64, also where the file holds them as text or floats.

    Raises
    ------
    InputError
        Where a value is no whole number.
    """
    values = table.raw(column)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    numbers = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        try:
            number = int(str(value).strip()) if values.dtype.kind in "SU" else int(value)
            if values.dtype.kind == "f" and number != value:
                raise ValueError
        except (ValueError, OverflowError):
            raise InputError(
                f"{table.where}, column {column}, row {row}: {str(value)!r} is no run number; expected a whole number."
            ) from None
        numbers[row] = number
    return numbers


def normal_kind(hdu_type: str, hdu_class: str = "") -> str:
    """Give the type of `HDU_TYPES` that an index row means, '' where it is none of them.

    >>> normal_kind("BGD "), normal_kind("", "psf_3gauss"), normal_kind("image")
    ('bkg', 'psf', '')
    """
    kind, group = hdu_type.strip().lower(), hdu_class.strip().lower()
    for word in (kind, group, "rad_max" if group.startswith("rad_max") else group.split("_")[0]):
        word = TYPE_SPELLINGS.get(word, word)
        if word in HDU_TYPES:
            return word
    return ""


def classify(header: Mapping[str, Any]) -> tuple[str, str]:
    """Give type and class of an HDU from its own header: HDUCLAS1 to 4, else EXTNAME; ('', '') where it is none."""
    words = [str(header.get(f"HDUCLAS{i}") or "").strip().lower() for i in (1, 2, 3, 4)]
    group = words[3]
    for word in (words[0], words[1], str(header.get("EXTNAME") or "")):
        kind = normal_kind(word)
        if kind:
            return kind, group
    return "", ""


def find_file(path: Path) -> Path:
    """Give the path, or the one with `.gz` added or taken away where only that exists (else the path as it is)."""
    if path.exists():
        return path
    other = path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")
    return other if path.name and other.exists() else path


class HduIndex:
    """All HDUs of a store by run number and type.

    Parameters
    ----------
    rows
        (run number, location) in the order of the index. Of repeated rows the first counts.
    source
        File that the index was read from, for messages.
    """

    def __init__(self, rows: Iterable[tuple[int, HduLocation]], source: str):
        self.source = source
        self._runs: dict[int, dict[str, HduLocation]] = {}
        users: dict[tuple[Path, str, str], int] = {}
        for obs_id, location in rows:
            run = self._runs.setdefault(obs_id, {})
            known = run.setdefault(location.kind, location)
            if known is not location:
                if known != location:
                    log.warning(
                        "obs %s: %s has several '%s' HDUs; %s in %s is used, %s in %s is not",
                        obs_id, source, location.kind, known.hdu_name, known.path.name, location.hdu_name,
                        location.path.name,
                    )  # fmt: skip
                continue
            key = (location.path, location.hdu_name.upper(), location.kind)
            users[key] = users.get(key, 0) + 1
        self._shared = {key for key, number in users.items() if number > 1}

    @property
    def obs_ids(self) -> list[int]:
        """Run numbers, each once, in the order of the index."""
        return list(self._runs)

    def kinds(self, obs_id: int) -> tuple[str, ...]:
        """Give the types of HDU that a run has; none for a run that the index lacks."""
        return tuple(self._runs.get(obs_id, ()))

    def locations(self, obs_id: int) -> dict[str, HduLocation]:
        """Give the HDUs of a run by type, with `is_shared` set; empty for a run that the index lacks."""
        found = {}
        for kind, location in self._runs.get(obs_id, {}).items():
            shared = (location.path, location.hdu_name.upper(), kind) in self._shared
            found[kind] = HduLocation(kind, location.hdu_class, location.path, location.hdu_name, shared)
        return found


def read_hdu_index(path: Path, base_dir: Path | None = None) -> HduIndex:
    """Read an HDU index file.

    HDU_TYPE and HDU_CLASS may be of any case, FILE_DIR may be missing, masked, '', './' or hold environment
    variables; OBS_ID may be text; rows of unknown types are left out.

    Parameters
    ----------
    path
        The file; its first table is taken, whatever its name.
    base_dir
        Folder that FILE_DIR starts from; None: that of the file.

    Raises
    ------
    InputError
        Where the file, or one of OBS_ID, FILE_NAME and HDU_TYPE (or HDU_CLASS) is missing, or there are no rows.
    """
    table = FitsFile(path).first_table()
    base = path.parent if base_dir is None else base_dir
    obs_ids = read_obs_ids(table)
    n = len(obs_ids)
    if not n:
        raise InputError(f"{table.where}: no rows, so no runs.")
    names = _texts(table, "FILE_NAME")
    folders = _texts(table, "FILE_DIR") if table.has("FILE_DIR") else [""] * n
    hdu_names = _texts(table, "HDU_NAME") if table.has("HDU_NAME") else [""] * n
    classes = _texts(table, "HDU_CLASS") if table.has("HDU_CLASS") else [""] * n
    types = _texts(table, "HDU_TYPE") if table.has("HDU_TYPE") or not table.has("HDU_CLASS") else [""] * n
    paths: dict[tuple[str, str], Path] = {}
    rows = []
    for obs_id, hdu_type, hdu_class, folder, name, hdu_name in zip(
        obs_ids.tolist(), types, classes, folders, names, hdu_names, strict=True
    ):
        kind = normal_kind(hdu_type, hdu_class)
        if not kind or not name:
            log.debug("%s: row of run %s left out (HDU_TYPE %r, FILE_NAME %r)", path, obs_id, hdu_type, name)
            continue
        if (folder, name) not in paths:
            paths[folder, name] = base / os.path.expandvars(folder) / name
        rows.append((obs_id, HduLocation(kind, hdu_class.lower(), paths[folder, name], hdu_name)))
    return HduIndex(rows, str(path))


def scan_files(paths: Iterable[Path]) -> HduIndex:
    """Make an HDU index in memory from DL3 files, one run each, by what their headers say.

    Raises
    ------
    InputError
        Where a file cannot be read or has no EVENTS with OBS_ID.
    """
    rows = []
    for path in paths:
        file = FitsFile(path)
        found = []
        obs_id = None
        for position, name in enumerate(file.names()):
            if position == 0:
                continue
            header = file.header(position)
            kind, hdu_class = classify(header)
            if kind:
                found.append(HduLocation(kind, hdu_class, path, name))
            if kind == "events":
                obs_id = header.get("OBS_ID")
        try:
            number = int(str(obs_id))
        except ValueError:
            raise InputError(f"{path}, HDU EVENTS: keyword OBS_ID is {obs_id!r}, expected a run number.") from None
        rows += [(number, location) for location in found]
    return HduIndex(rows, "the files")


def _texts(table: FitsTable, column: str) -> list[str]:
    return [str(value).strip() for value in table.raw(column).tolist()]

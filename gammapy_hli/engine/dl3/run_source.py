"""Where an observation takes its parts from: the files of a DL3 store, or objects in memory.

Files are opened once a run; what several runs share (the IRF file of a CTA configuration) is kept for the process,
known by path, modification time and size.
"""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.events import EventList, read_events, read_meta
from gammapy_hli.engine.dl3.fits_file import FitsFile, FitsTable, file_stamp
from gammapy_hli.engine.dl3.gti import Gti, gti_from_events_header, read_gti
from gammapy_hli.engine.dl3.index import HduLocation, classify, find_file
from gammapy_hli.engine.dl3.time_reference import read_reference
from gammapy_hli.engine.irf.reader import read_irf

#: Responses kept for the process; a response is 0.1 to 10 MB.
SHARED_IRFS_KEPT = 32

_shared_irfs: OrderedDict[tuple[Any, ...], Any] = OrderedDict()


class RunSource(Protocol):
    """What an observation needs."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types of HDU that are there, of `index.HDU_TYPES`."""

    @property
    def where(self) -> str:
        """File and HDU of the events, for messages."""

    def meta(self) -> Mapping[str, Any]:
        """Give the header facts of the events."""

    def events(self) -> EventList:
        """Give all events."""

    def gti(self) -> Gti:
        """Give all good time intervals."""

    def irf(self, kind: str) -> Any:
        """Give a response, None where the run has none of this kind."""

    def release(self) -> None:
        """Forget what can be read again."""


class MemorySource:
    """Parts that were made in code (simulation, tests)."""

    where = "observation in memory"
    files: tuple[Path, ...] = ()

    def __init__(self, events: EventList, gti: Gti, irfs: Mapping[str, Any]):
        self._events, self._gti, self._irfs = events, gti, dict(irfs)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types that are there."""
        return ("events", "gti", *(kind for kind, irf in self._irfs.items() if irf is not None))

    def meta(self) -> Mapping[str, Any]:
        """Give the facts in the event list."""
        return self._events.meta

    def events(self) -> EventList:
        """Give the events."""
        return self._events

    def gti(self) -> Gti:
        """Give the intervals."""
        return self._gti

    def irf(self, kind: str) -> Any:
        """Give a response or None."""
        return self._irfs.get(kind)

    def release(self) -> None:
        """Do nothing: there is no file to read again."""


class FileSource:
    """The files of one run, opened when first needed; pickles without what it has read.

    Parameters
    ----------
    obs_id
        Run number.
    locations
        HDUs of the run by type.
    index
        File of the HDU index, for messages.
    """

    def __init__(self, obs_id: int, locations: Mapping[str, HduLocation], index: str):
        self.obs_id = obs_id
        self.locations = dict(locations)
        self.index = index
        self.release()

    def __getstate__(self) -> dict[str, Any]:
        return {"obs_id": self.obs_id, "locations": self.locations, "index": self.index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.release()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types of HDU that the index has for the run."""
        return tuple(self.locations)

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that hold the HDUs of the run, each once."""
        return tuple(dict.fromkeys(find_file(location.path) for location in self.locations.values()))

    @property
    def where(self) -> str:
        """File and HDU of the events."""
        location = self.locations.get("events")
        return f"{location.path}, HDU {location.hdu_name or 'EVENTS'}" if location else f"run {self.obs_id}"

    def release(self) -> None:
        """Forget what was read; it is read again when needed."""
        self._files: dict[Path, FitsFile] = {}
        self._parts: dict[str, Any] = {}

    def meta(self) -> Mapping[str, Any]:
        """Give the header facts of the events."""
        return self._once("meta", lambda: read_meta(self.table("events").header))

    def events(self) -> EventList:
        """Read the events."""
        return self._once("events", lambda: read_events(self.table("events")))

    def gti(self) -> Gti:
        """Read the good time intervals; from TSTART and TSTOP of the events where there is no GTI table."""
        return self._once("gti", self._read_gti)

    def irf(self, kind: str) -> Any:
        """Read a response; None where the index has none of this kind."""
        return self._once(kind, lambda: self._read_irf(kind))

    def table(self, kind: str) -> FitsTable:
        """Give the table HDU of a type.

        Raises
        ------
        InputError
            Where the index has none, or file or HDU are missing or damaged.
        """
        location = self.locations.get(kind)
        if location is None:
            raise InputError(
                f"obs {self.obs_id}: no '{kind}' HDU in {self.index};"
                f" the run has {', '.join(self.locations) or 'none'}."
            )
        file = self._open(location.path)
        if location.hdu_name:
            return file.table(location.hdu_name)
        for position, _ in enumerate(file.names()):
            if position and classify(file.header(position))[0] == kind:
                return file.table(position)
        raise InputError(f"{file.path}: no HDU of type '{kind}' (HDU_NAME is blank in {self.index}).")

    def _open(self, path: Path) -> FitsFile:
        if path not in self._files:
            self._files[path] = FitsFile(find_file(path))
        return self._files[path]

    def _once(self, name: str, read: Any) -> Any:
        if name not in self._parts:
            self._parts[name] = read()
        return self._parts[name]

    def _read_gti(self) -> Gti:
        header = self.table("events").header
        if "gti" not in self.locations:
            return gti_from_events_header(header, self.where)
        fallback = read_reference(header, self.where) if "MJDREFI" in header or "MJDREF" in header else None
        return read_gti(self.table("gti"), fallback)

    def _read_irf(self, kind: str) -> Any:
        location = self.locations.get(kind)
        if location is None:
            return None
        if not location.is_shared:
            return self._parse_irf(kind)
        path = find_file(location.path)
        try:
            key = (*file_stamp(path), location.hdu_name.upper(), kind)
        except OSError:
            return self._parse_irf(kind)  # which says what is wrong with the file
        if key not in _shared_irfs:
            _shared_irfs[key] = self._parse_irf(kind)
            while len(_shared_irfs) > SHARED_IRFS_KEPT:
                _shared_irfs.popitem(last=False)
        _shared_irfs.move_to_end(key)
        return _shared_irfs[key]

    def _parse_irf(self, kind: str) -> Any:
        table = self.table(kind)
        return read_irf(kind, table.view, table.path)

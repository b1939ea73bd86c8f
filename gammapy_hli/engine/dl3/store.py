"""A DL3 data store: a folder with index files, and the runs that they name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.near_path import not_there
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.dl3.events import read_meta
from gammapy_hli.engine.dl3.fits_file import read_header
from gammapy_hli.engine.dl3.index import HDU_TYPES, HduIndex, find_file, read_hdu_index, scan_files
from gammapy_hli.engine.dl3.obs_index import ObsIndex, read_obs_index
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.run_source import FileSource

#: Responses that an analysis may ask for under one name.
IRF_GROUPS: dict[str, tuple[str, ...]] = {
    "full-enclosure": ("aeff", "edisp", "psf", "bkg"),
    "point-like": ("aeff", "edisp"),
    "all-optional": (),
}
IRF_KINDS = ("aeff", "edisp", "psf", "bkg", "rad_max")
INDEX_SUFFIXES = (".fits.gz", ".fits")


def expand_irfs(required: str | Sequence[str]) -> tuple[str, ...]:
    """Give the kinds of response that a group name or a list of kinds means.

    >>> expand_irfs("point-like"), expand_irfs(["aeff", "psf"])
    (('aeff', 'edisp'), ('aeff', 'psf'))

    Raises
    ------
    InputError
        Where a name is unknown.
    """
    names = (required,) if isinstance(required, str) else tuple(required)
    kinds: list[str] = []
    for name in names:
        if name not in IRF_KINDS and name not in IRF_GROUPS:
            allowed = (*IRF_GROUPS, *IRF_KINDS)
            raise InputError(
                f"required_irfs: {name!r} is not allowed.{did_you_mean(name, allowed)} Allowed: {', '.join(allowed)}"
            )
        kinds += [kind for kind in IRF_GROUPS.get(name, (name,)) if kind not in kinds]
    return tuple(kinds)


class DataStore(Summary):
    """The runs of a store, by number.

    Parameters
    ----------
    index
        Where the HDUs are.
    obs_index
        Facts of the runs; None where there is no such file.
    name
        Folder, for messages.
    """

    def __init__(self, index: HduIndex, obs_index: ObsIndex | None, name: str):
        self.index = index
        self.obs_index = obs_index
        self.name = name

    @classmethod
    def open(
        cls, folder: str | Path, hdu_index: str | Path | None = None, obs_index: str | Path | None = None
    ) -> "DataStore":
        """Open a folder.

        Parameters
        ----------
        folder
            Folder with `hdu-index.fits(.gz)` and, if there, `obs-index.fits(.gz)`.
        hdu_index, obs_index
            Other names of these files, relative to the folder.

        Raises
        ------
        InputError
            Where folder or HDU index are missing or damaged.
        """
        base = Path(folder)
        if not base.is_dir():
            raise InputError(not_there(base, "folder; a data store is one with hdu-index.fits.gz"))
        hdu_path = _index_path(base, "hdu-index", hdu_index)
        if hdu_path is None:
            found = ", ".join(sorted(p.name for p in base.iterdir())[:8]) or "nothing"
            raise InputError(
                f"{base}: no hdu-index.fits.gz or hdu-index.fits; found {found}."
                " Give the folder that holds it, or use DataStore.from_files."
            )
        obs_path = _index_path(base, "obs-index", obs_index)
        return cls(read_hdu_index(hdu_path), read_obs_index(obs_path) if obs_path else None, str(base))

    @classmethod
    def from_files(cls, paths: Iterable[str | Path]) -> "DataStore":
        """Make a store from DL3 files without index files, one run each (every file is opened once)."""
        files = [Path(path) for path in paths]
        return cls(scan_files(files), None, f"{len(files)} files")

    @cached_property
    def obs_ids(self) -> list[int]:
        """All run numbers: those of the observation index in its order, then those that only the HDU index has."""
        known = self.obs_index.obs_ids if self.obs_index else []
        seen = set(known)
        return known + [obs_id for obs_id in self.index.obs_ids if obs_id not in seen]

    @property
    def obs_table(self) -> Table:
        """All runs with the columns of the observation index as found; OBS_ID alone where there is no such file."""
        if self.obs_index is not None:
            return self.obs_index.table
        return Table({"OBS_ID": np.array(self.obs_ids, dtype=np.int64)})

    def check_obs_ids(self, obs_ids: Iterable[int]) -> None:
        """Check that the store knows these runs.

        Raises
        ------
        InputError
            That names the unknown ones and the nearest known.
        """
        known = set(self.obs_ids)
        lost = [obs_id for obs_id in obs_ids if obs_id not in known]
        if not lost:
            return
        parts = []
        for obs_id in lost[:5]:
            nearest = sorted(sorted(known), key=lambda other: abs(other - obs_id))[:3]
            parts.append(f"no run {obs_id}; nearest are {', '.join(map(str, sorted(nearest)))}")
        more = f" ({len(lost) - 5} more are unknown)" if len(lost) > 5 else ""
        raise InputError(f"{self.index.source}: {'; '.join(parts)}{more}. The store holds {len(known)} runs.")

    def observation(self, obs_id: int, required_irfs: str | Sequence[str] = ()) -> Observation:
        """Give a run; nothing is read yet.

        Parameters
        ----------
        obs_id
            Run number.
        required_irfs
            Responses it must have: kinds, or a group of `IRF_GROUPS`.

        Raises
        ------
        InputError
            Where the run is unknown, or the index has no events or one of the responses for it.
        """
        self.check_obs_ids([obs_id])
        missing = self.missing_kinds(obs_id, required_irfs)
        if missing:
            lost = ", ".join(f"'{kind}'" for kind in missing)
            advice = (
                f"Take {lost} out of selection.required_irfs if the analysis can do without."
                if "events" not in missing
                else "The run cannot be analysed; exclude it."
            )
            raise InputError(f"obs {obs_id}: no {lost} HDU in {self.index.source}. {advice}")
        return Observation(obs_id, FileSource(obs_id, self.index.locations(obs_id), self.index.source))

    def observations(self, obs_ids: Iterable[int], required_irfs: str | Sequence[str] = ()) -> Iterator[Observation]:
        """Give runs one by one, so that each can be forgotten before the next is read."""
        for obs_id in obs_ids:
            yield self.observation(obs_id, required_irfs)

    def missing_kinds(self, obs_id: int, required_irfs: str | Sequence[str] = ()) -> list[str]:
        """Give what the index lacks for a run: events, and of the required responses."""
        kinds = self.index.kinds(obs_id)
        return [kind for kind in ("events", *expand_irfs(required_irfs)) if kind not in kinds]

    def event_file(self, obs_id: int) -> Path:
        """Give the file with the events of a run (which need not exist); InputError where the index has none."""
        location = self.index.locations(obs_id).get("events")
        if location is None:
            raise InputError(f"obs {obs_id}: no 'events' HDU in {self.index.source}.")
        return find_file(location.path)

    def files(self, obs_id: int) -> list[Path]:
        """Give all files of a run, each once."""
        return list(dict.fromkeys(find_file(loc.path) for loc in self.index.locations(obs_id).values()))

    def header_facts(self, obs_id: int) -> Mapping[str, Any]:
        """Read the header facts of the events of a run without reading the events.

        Raises
        ------
        InputError
            Where the file is missing or damaged.
        """
        location = self.index.locations(obs_id).get("events")
        name = location.hdu_name if location else ""
        return read_meta(read_header(self.event_file(obs_id), name or "EVENTS"))

    def check_files(self, obs_ids: Iterable[int] | None = None) -> dict[int, str]:
        """Open every HDU of runs and give what is wrong, by run number; runs without fault are not in it.

        Parameters
        ----------
        obs_ids
            Runs to check; None: all.
        """
        wrong: dict[int, str] = {}
        for obs_id in self.obs_ids if obs_ids is None else obs_ids:
            problems = self._check_run(obs_id)
            if problems:
                wrong[obs_id] = "; ".join(dict.fromkeys(problems))
        return wrong

    def _check_run(self, obs_id: int) -> list[str]:
        locations = self.index.locations(obs_id)
        if "events" not in locations:
            return [f"no 'events' HDU in {self.index.source}"]
        source = FileSource(obs_id, locations, self.index.source)
        problems = []
        for kind in locations:
            try:
                if kind == "events":
                    source.events()
                elif kind == "gti":
                    source.gti()
                elif kind in IRF_KINDS:
                    source.irf(kind)
                else:
                    source.table(kind)
            except InputError as error:
                problems.append(str(error))
        return problems

    def summary(self) -> dict[str, Any]:
        """Give folder, number of runs and what they hold."""
        kinds = {kind: sum(kind in self.index.kinds(obs_id) for obs_id in self.obs_ids) for kind in HDU_TYPES}
        return {"store": self.name, "runs": len(self.obs_ids)} | {kind: n for kind, n in kinds.items() if n}


def _index_path(base: Path, stem: str, given: str | Path | None) -> Path | None:
    """Give the path of an index file, None where there is none and none was named."""
    if given is not None:
        path = base / given
        if not path.exists():
            raise InputError(f"{path}: no such file, given as {stem.replace('-', '_')}.")
        return path
    return next((base / (stem + end) for end in INDEX_SUFFIXES if (base / (stem + end)).exists()), None)

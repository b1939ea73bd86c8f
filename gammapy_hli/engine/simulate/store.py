"""Simulate a whole data store: runs, index files and the truth.

`simulate_store` is the door; `plan.py` says what, `observation.py` draws, `dl3_files.py` writes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gammapy_hli.base.atomic_write import remove_temporary_files, write_text
from gammapy_hli.base.errors import FolderError
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.models_yaml import write_models
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.simulate.background_events import prepare_background
from gammapy_hli.engine.simulate.dl3_files import (
    DATA_FOLDER,
    HDU_INDEX,
    OBS_INDEX,
    WrittenRun,
    extension_bytes,
    make_hdu_index,
    make_obs_index,
    write_fits,
    write_run,
)
from gammapy_hli.engine.simulate.observation import simulate_run
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.response_tables import make_responses

TRUTH = "truth.yaml"


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedStore(Summary):
    """What `simulate_store` wrote.

    Attributes
    ----------
    folder : Path
        The store.
    plan : SimulationPlan
    obs_ids : tuple of int
    n_events, n_signal : tuple of int
        Events and gamma rays among them, per run.
    truth : Models
        The models as drawn, each with its position; also in ``truth.yaml``.
    truth_path : Path
    """

    folder: Path
    plan: SimulationPlan
    obs_ids: tuple[int, ...]
    n_events: tuple[int, ...]
    n_signal: tuple[int, ...]
    truth: Models
    truth_path: Path

    def summary(self) -> dict[str, Any]:
        """Folder, runs and events."""
        return {
            "folder": str(self.folder),
            "runs": f"{len(self.obs_ids)}, numbers {self.obs_ids[0]} to {self.obs_ids[-1]}",
            "events": sum(self.n_events),
            "gamma_rays": sum(self.n_signal),
            "sources": ", ".join(self.truth.names) or "none",
            "truth": self.truth_path.name,
        }


@dataclass(frozen=True, eq=False)
class RunMaker:
    """Draws and writes single runs of a plan, in any process.

    Parameters
    ----------
    folder : Path
        The store; its folder ``data`` exists.
    plan : SimulationPlan
    """

    folder: Path
    plan: SimulationPlan

    def __call__(self, index: int) -> WrittenRun:
        """Make the run of this number, counted from 0."""
        run = simulate_run(self.plan, index, self.responses, self._cells)
        return write_run(self.folder, self.plan, run, self._appended)

    def __reduce__(self) -> Any:
        return RunMaker, (self.folder, self.plan)

    @cached_property
    def responses(self) -> Any:
        """Responses of every run."""
        return make_responses(self.plan)

    @cached_property
    def hdus(self) -> Any:
        """Their HDUs."""
        return self.responses.to_hdus(self.plan)

    @cached_property
    def _appended(self) -> bytes:
        return extension_bytes(self.hdus)

    @cached_property
    def _cells(self) -> Any:
        return prepare_background(self.responses.background)


def simulate_store(
    folder: str | Path,
    plan: SimulationPlan,
    overwrite: bool = False,
    run_map: Callable[[RunMaker, Iterable[int]], Iterable[WrittenRun]] = map,
    notes: Mapping[str, str] = MappingProxyType({}),
) -> SimulatedStore:
    """Simulate runs and write them as a GADF data store with index files.

    The same plan gives the same bytes. Every file appears whole or not at all; the index files come last: a folder
    without both of them is none of a store, but may be that of a simulation that was interrupted.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    plan : SimulationPlan
    overwrite : bool
        Write over a store that is there. Files of runs that the plan does not have stay, but leave the index.
    run_map : callable
        Calls the maker on the number of every run and gives its answers in order: `map`, or one that has others work.
    notes : mapping of str
        Texts to write beside the runs, by name of the file.

    Returns
    -------
    SimulatedStore

    Raises
    ------
    FolderError
        The folder holds a store, or its name is a file, and `overwrite` is false.
    """
    folder = Path(folder)
    _check_folder(folder, overwrite)
    (folder / DATA_FOLDER).mkdir(parents=True, exist_ok=True)
    for stale in (HDU_INDEX, OBS_INDEX):
        (folder / stale).unlink(missing_ok=True)
    remove_temporary_files(folder, folder / DATA_FOLDER)
    maker = RunMaker(folder, plan)
    runs = list(run_map(maker, range(plan.n_runs)))
    truth = Models(plan.sources())
    write_models(truth, folder / TRUTH)
    for name, text in notes.items():
        write_text(folder / name, text)
    write_fits(folder / OBS_INDEX, [make_obs_index(plan, runs)])
    write_fits(folder / HDU_INDEX, [make_hdu_index(runs, maker.hdus)])
    return SimulatedStore(
        folder=folder,
        plan=plan,
        obs_ids=plan.obs_ids,
        n_events=tuple(run.n_events for run in runs),
        n_signal=tuple(run.n_signal for run in runs),
        truth=truth,
        truth_path=folder / TRUTH,
    )


def _check_folder(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder}: is a file; give the name of a folder for the simulated store.")
    if not overwrite and is_store(folder):
        raise FolderError(
            f"{folder}: holds a data store already. Choose another folder, or allow it: --overwrite (in Python "
            "overwrite=True)."
        )


def is_store(folder: Path) -> bool:
    """Whether a folder holds a whole store."""
    return all((folder / name).exists() for name in (HDU_INDEX, OBS_INDEX))

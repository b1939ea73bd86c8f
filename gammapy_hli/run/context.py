"""What a tool is given beside its inputs: processes, progress, a logger, and ears for what happened."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gammapy_hli.run.items import ItemStore
from gammapy_hli.run.keys import ItemKeys
from gammapy_hli.run.map_ordered import Outcome, map_ordered
from gammapy_hli.run.processes import prepare_workers
from gammapy_hli.run.progress import Progress

MANY = 64  # workers of a cluster: work that is cut for them leaves none of them idle while others have much to do


@dataclass
class Notes:
    """What a tool tells about one execution; collected by the context, read by the runner."""

    flags: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    items: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunContext:
    """How the work is done, never what is done: nothing here changes a result.

    Attributes
    ----------
    n_jobs : int
    on_error : {"skip", "stop"}
    executor : {"process", "dask"}
    scheduler : str or None
    modules : tuple of str
        Modules that the functions of the items need, for workers to load early.
    progress : Progress
        Factory of bars, ``progress(total, label)``.
    logger : Logger
    base_folder : path
        Folder that relative paths of inputs start from where no file names one.
    step : str
        Name of the step that runs.
    items : ItemStore
        Results of single items of earlier runs, finished or interrupted.
    item_keys : ItemKeys or None
        Makes the keys of items; None where nothing is known of the step.
    keeps_items : bool or None
        Whether results of single items are kept, for the case that the step is interrupted or gets more of them; None
        leaves it to the tool.
    notes : Notes
    """

    n_jobs: int = 1
    on_error: Literal["skip", "stop"] = "skip"
    executor: Literal["process", "dask"] = "process"
    scheduler: str | None = None
    modules: tuple[str, ...] = ()
    progress: Progress = field(default_factory=lambda: Progress(enabled=False))
    logger: Any = field(default_factory=lambda: logging.getLogger("gammapy_hli"))
    base_folder: Path = field(default_factory=Path.cwd)
    step: str = ""
    items: ItemStore = field(default_factory=lambda: ItemStore(None))
    item_keys: ItemKeys | None = None
    keeps_items: bool | None = None
    notes: Notes = field(default_factory=Notes)

    @property
    def has_workers(self) -> bool:
        """Whether items go to other processes."""
        return self.n_jobs > 1 or self.executor == "dask"

    @property
    def n_workers(self) -> int:
        """How many processes share the items; what a cluster elsewhere has is not known, and comes and goes."""
        return MANY if self.executor == "dask" and self.scheduler is not None else self.n_jobs

    def prepare(self) -> None:
        """Let workers begin to load what they need, while this process goes on."""
        if self.n_jobs > 1 and self.executor == "process":
            prepare_workers(self.modules)

    def map(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        label: str = "",
        size: Callable[[Any], int] | None = None,
    ) -> Iterator[Outcome]:
        """`map_ordered` with the processes, the progress and the rule for errors of this run."""
        items = list(items)
        total = len(items) if size is None else sum(map(size, items))
        with self.progress(total, label or self.step) as bar:
            yield from map_ordered(
                function,
                items,
                n_jobs=self.n_jobs,
                on_error=self.on_error,
                progress=bar,
                executor=self.executor,
                scheduler=self.scheduler,
                size=size,
            )

    def flag(self, sentence: str) -> None:
        """Tell of something to look at: a fit that has not converged, runs that failed (exit code 4)."""
        self.notes.flags.append(sentence)
        self.logger.warning(sentence)

    def record_files(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """Tell which input files are read, as soon as they are known; they enter the key and the provenance."""
        self.notes.files += [Path(os.path.abspath(file)) for file in files]

    def item_key(self, files: Iterable[tuple[str, Path]], extra: Any = None, leave_out: Iterable[str] = ()) -> str:
        """Key of an item; see `ItemKeys.key`."""
        assert self.item_keys is not None, "a step that is not run by a chain has no keys"
        return self.item_keys.key(files, extra, leave_out)

    def record_item(self, name: str, key: str) -> None:
        """Tell the key of an item; its stored result is kept when the step has ended."""
        self.notes.items[name] = key

    def keep_stored(self, key: str) -> None:
        """Keep what is stored under another key too, which says nothing of the work."""
        self.notes.kept.append(key)

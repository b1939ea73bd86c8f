"""``history.jsonl``: what was begun in an output folder and how it ended, a line each, written as it happens.

Manifests tell how the products that are there were made. This file also tells of what made no product: steps that
failed, that were interrupted, and, by a beginning without an end, that were killed.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from gammapy_hli.base.atomic_write import plain_json
from gammapy_hli.base.errors import Terminated
from gammapy_hli.run.products import now
from gammapy_hli.run.software import command_words, software_versions, who_and_where
from gammapy_hli.run.step import Step

HISTORY_FILE = "history.jsonl"


@dataclass(frozen=True)
class Attempt:
    """One execution of a step.

    Attributes
    ----------
    run : str
        The same for all steps of one call.
    step : str
    status : str
        "complete", "failed", "interrupted", "terminated" or, where no end was written, "killed".
    start, end : str
        UTC, ISO 8601; no end where it was killed.
    error : str
        What went wrong; '' for a complete one.
    options : mapping of str to str
        The options that were set, of one that is not complete.
    inputs : mapping of str to list of str
        The steps whose products it took, by role.
    software : mapping
        Versions, user, host and command.
    """

    run: str
    step: str
    status: str
    start: str
    end: str = ""
    error: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, Any] = field(default_factory=dict)


class History:
    """Writes the history of one run of a chain; nothing is written before the first step begins.

    Parameters
    ----------
    folder : path or None
        The output folder; None writes nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None):
        self.path = None if folder is None else Path(folder) / HISTORY_FILE
        self._run = ""

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Tell when the work of a step begins, and when and how it ends."""
        if not self._run:
            self._run = uuid4().hex[:12]
            self._write("run", **software_versions(), **who_and_where(), command=command_words())
        set_options = {path: option.text for path, option in step.effective_options().items() if option.is_set}
        self._write("begin", step=step.name, options=set_options, inputs=dict(step.inputs))
        try:
            yield
        except BaseException as error:
            self._write("end", step=step.name, status=_status(error), error=str(error) or type(error).__name__)
            raise
        self._write("end", step=step.name, status="complete")

    def _write(self, event: str, **facts: Any) -> None:
        """One more line; a history that cannot be written never stops the work."""
        if self.path is None:
            return
        line = json.dumps(plain_json({"event": event, "run": self._run, "time": now(), **facts}), ensure_ascii=False)
        with suppress(OSError), open(self.path, "a+b") as stream:
            if stream.tell() and not _ends_whole(stream):
                line = f"\n{line}"
            stream.write(f"{line}\n".encode())
            stream.flush()


def read_attempts(folder: str | os.PathLike[str]) -> list[Attempt]:
    """All executions of steps that a folder's history tells of, in order; lines that are not whole are left out."""
    runs: dict[str, Mapping[str, Any]] = {}
    begun: dict[tuple[str, str], Attempt] = {}
    attempts: list[Attempt] = []
    for line in _lines(Path(folder) / HISTORY_FILE):
        run, event = str(line.get("run")), line.get("event")
        if event == "run":
            runs[run] = {key: value for key, value in line.items() if key not in ("event", "run", "time")}
            continue
        step = str(line.get("step"))
        if event == "begin":
            attempt = Attempt(
                run,
                step,
                "killed",
                str(line.get("time")),
                options=line.get("options") or {},
                inputs=line.get("inputs") or {},
                software=runs.get(run, {}),
            )
            begun[run, step] = attempt
            attempts.append(attempt)
        elif event == "end" and (run, step) in begun:
            attempt = begun.pop((run, step))
            ended = {"status": str(line.get("status")), "end": str(line.get("time")), "error": line.get("error") or ""}
            attempts[attempts.index(attempt)] = Attempt(**{**attempt.__dict__, **ended})
    return attempts


def without_product(attempts: list[Attempt]) -> list[Attempt]:
    """For each step its last attempt, where that made no product."""
    last = {attempt.step: attempt for attempt in attempts}
    return [attempt for attempt in last.values() if attempt.status != "complete"]


def _status(error: BaseException) -> str:
    if isinstance(error, Terminated):
        return "terminated"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


def _ends_whole(stream: Any) -> bool:
    stream.seek(-1, os.SEEK_END)
    return bool(stream.read(1) == b"\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in content.splitlines():
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found

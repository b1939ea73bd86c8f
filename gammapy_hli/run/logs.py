"""Logging for executables: a short colored form on stderr, a full one in a file. Not for notebooks."""

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_COLORS = {logging.DEBUG: "2", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31"}
_ROOT = "gammapy_hli"


class StepLog(logging.LoggerAdapter):
    """The logger of a step: every message carries the step's name."""

    def __init__(self, step: str):
        super().__init__(logging.getLogger(f"{_ROOT}.step"), {"step": step})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


@contextmanager
def logs_on_stderr(level: str = "info", *, stream: TextIO | None = None) -> Iterator[None]:
    """Show log messages and warnings on stderr while the block runs, and leave logging as it was.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error", "critical"}
        Of our own messages; those of other packages are shown from "warning" on.
    stream : text stream, optional
        Instead of stderr.
    """
    target = stream if stream is not None else sys.stderr
    handler = _StderrHandler(target)
    handler.setFormatter(_ShortFormatter(use_color=is_color_wanted(target)))
    handler.setLevel(LEVELS.get(level, logging.NOTSET))
    with _level(level), _attached(handler):
        yield


@contextmanager
def logs_in_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Append log messages to a file while the block runs; which ones are logged at all is not changed."""
    handler = _FileHandler(path, mode="a", encoding="utf-8")
    formatter = _FileFormatter("%(asctime)s %(levelname)-8s %(where)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    handler.setFormatter(formatter)
    with _attached(handler):
        yield


def is_color_wanted(stream: Any) -> bool:
    """True on a terminal, where neither NO_COLOR is set nor the terminal is dumb."""
    is_terminal = getattr(stream, "isatty", lambda: False)()
    return bool(is_terminal) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def _level(level: str) -> Iterator[None]:
    if level not in LEVELS:
        raise ValueError(f"log level is {level!r}; expected one of {', '.join(LEVELS)}")
    root, ours = logging.getLogger(), logging.getLogger(_ROOT)
    before = root.level, ours.level
    ours.setLevel(min(LEVELS[level], logging.INFO))  # files tell what is done, however little stderr shows
    root.setLevel(logging.WARNING)
    was_captured = logging._warnings_showwarning is not None  # type: ignore[attr-defined]  # the only place that tells
    logging.captureWarnings(True)
    try:
        yield
    finally:
        if not was_captured:
            logging.captureWarnings(False)
        root.setLevel(before[0])
        ours.setLevel(before[1])


class _StderrHandler(logging.StreamHandler):
    """Writes above a progress bar, where one is drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        if "tqdm" not in sys.modules:
            super().emit(record)
            return
        from tqdm import tqdm  # loaded already

        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)


class _ShortFormatter(logging.Formatter):
    """``12:03:04 warning reduction: text``; info is shown without its name."""

    def __init__(self, *, use_color: bool):
        super().__init__(datefmt="%H:%M:%S")
        self.use_color = use_color

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        text = f"{self.formatTime(record, self.datefmt)} {level}{_step_prefix(record)}{_message(record)}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        color = _COLORS.get(record.levelno)
        return f"\x1b[{color}m{text}\x1b[0m" if self.use_color and color else text


class _FileHandler(logging.FileHandler):
    """A file that cannot be written any more says so once; the work goes on without it."""

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            logging.getLogger().removeHandler(self)
            logging.getLogger(_ROOT).warning("%s: %s; no more is logged there", self.baseFilename, error.strerror)
        else:
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):  # what is left in its buffer has no place
            super().close()


class _FileFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.where = getattr(record, "step", None) or record.name
        return super().format(record)


def _step_prefix(record: logging.LogRecord) -> str:
    step = getattr(record, "step", None)
    return f"{step}: " if step else ""


def _message(record: logging.LogRecord) -> str:
    """The message; a captured warning without the source line that follows it."""
    text = record.getMessage()
    return text.strip().split("\n")[0] if record.name == "py.warnings" else text

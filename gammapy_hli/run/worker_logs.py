"""Log records and warnings of workers: collected there, sent with the result of an item, told again here."""

import logging
import threading
import traceback as traceback_module
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_logs(level: int) -> Iterator[list[logging.LogRecord]]:
    """A list that gets the records and warnings of this thread while the block runs.

    Parameters
    ----------
    level : int
        Of our own records; those of other packages are taken from WARNING on.
    """
    records: list[logging.LogRecord] = []
    handler = _Collector(records, threading.get_ident())
    root, ours = logging.getLogger(), logging.getLogger("gammapy_hli")
    before = root.level, ours.level
    was_captured = logging._warnings_showwarning is not None  # type: ignore[attr-defined]  # the only place that tells
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(level)
    logging.captureWarnings(True)
    try:
        yield records
    finally:
        if not was_captured:
            logging.captureWarnings(False)
        root.setLevel(before[0])
        ours.setLevel(before[1])
        root.removeHandler(handler)


def sendable(records: list[logging.LogRecord]) -> list[logging.LogRecord]:
    """The records with arguments and exceptions turned into text, so that they can be sent."""
    return [_plain(record) for record in records]


def replay(records: list[logging.LogRecord]) -> None:
    """Pass records of a worker on to the loggers of this process."""
    for record in records:
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


class _Collector(logging.Handler):
    def __init__(self, records: list[logging.LogRecord], thread: int):
        super().__init__()
        self.records = records
        self.thread = thread

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.records.append(record)


def _plain(record: logging.LogRecord) -> logging.LogRecord:
    message = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        message += "\n" + "".join(traceback_module.format_exception(*record.exc_info))
    record.msg, record.args, record.exc_info = message, None, None
    return record

"""Progress on stderr: a bar on a terminal, a line every ten percent elsewhere, or nothing."""

import sys
import time
from dataclasses import dataclass
from typing import Any, Self, TextIO


class SilentBar:
    """A bar that shows nothing, and the root of those that do; a context manager."""

    def update(self, n: int = 1) -> None:
        """Move on by ``n`` items."""

    def close(self) -> None:
        """Finish the bar."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class TerminalBar(SilentBar):
    """A bar that is redrawn in place."""

    def __init__(self, total: int, label: str, stream: TextIO):
        import tqdm  # late: not needed for help, templates and quiet runs

        self._bar = tqdm.tqdm(total=total, desc=label, file=stream, leave=False, dynamic_ncols=True, mininterval=0.1)

    def update(self, n: int = 1) -> None:
        self._bar.update(n)

    def close(self) -> None:
        self._bar.close()


class LineBar(SilentBar):
    """A line each time ten more percent are done."""

    def __init__(self, total: int, label: str, stream: TextIO):
        self.total, self.label, self.stream = total, label, stream
        self.done = 0
        self._tenths = 0
        self._start = time.monotonic()

    def update(self, n: int = 1) -> None:
        self.done += n
        tenths = 10 * self.done // max(1, self.total)
        if tenths > self._tenths:
            self._tenths = tenths
            elapsed = time.monotonic() - self._start
            print(
                f"{self.label}: {self.done}/{self.total} ({100 * self.done // self.total} %, {elapsed:.0f} s)",
                file=self.stream,
            )
            self.stream.flush()


@dataclass(frozen=True)
class Progress:
    """Makes bars: ``with Progress()(total, "reduction") as bar: bar.update()``.

    Parameters
    ----------
    enabled : bool
        False makes silent bars.
    stream : text stream, optional
        stderr of the moment where not given.
    """

    enabled: bool = True
    stream: Any = None

    def __call__(self, total: int, label: str) -> SilentBar:
        stream = self.stream if self.stream is not None else sys.stderr
        if not self.enabled or stream is None or total < 1:
            return SilentBar()
        if getattr(stream, "isatty", lambda: False)():
            return TerminalBar(total, label, stream)
        return LineBar(total, label, stream)

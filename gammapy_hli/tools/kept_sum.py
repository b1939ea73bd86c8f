"""The sum of many runs, kept now and then: where a stack that was interrupted, or gets more runs, goes on.

The datasets of single runs are large: writing them can take a third of the time that it takes to make them. Their sum
is as large as one of them. It is kept after some time of work, and at the end of what took a while.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gammapy_hli.run.context import RunContext
from gammapy_hli.run.hashing import document_hash

SECONDS = 20.0  # of work that an interruption may cost
SECONDS_AT_END = 2.0  # of work that is worth keeping when all is done
SHARE = 0.02  # of the time may go into keeping


class KeptSum:
    """Reads and writes the state of a sum of runs under the keys of the runs in it.

    Parameters
    ----------
    context : RunContext
    keys : sequence of str
        Of all runs, in order. Without any nothing is kept.
    """

    def __init__(self, context: RunContext, keys: Sequence[str]):
        self._items = context.items
        self._logger = context.logger
        self._keys: list[str] = []
        for key in keys:
            self._keys.append(document_hash([*self._keys[-1:], key]))
        self._context = context
        self._since = time.monotonic()
        self._pause = SECONDS
        self._has_saved = False

    def restore(self, stacker: Any) -> list[dict[str, Any]]:
        """Put the longest kept sum of the first runs into a stacker; facts of the runs in it, in order."""
        from gammapy_hli.engine.datasets.packed import unpack  # late: loads astropy

        for n_runs in range(len(self._keys), 0, -1):
            if self._keys[n_runs - 1] in self._items:
                try:
                    state, facts = unpack(*self._items.read(self._keys[n_runs - 1]))
                    stacker.restore(state)
                except (KeyError, ValueError, TypeError, IndexError, AttributeError):
                    continue
                self._context.keep_stored(self._keys[n_runs - 1])
                self._logger.info("%d of %d runs are in the sum that was kept", n_runs, len(self._keys))
                return list(facts)
        return []

    def save(self, stacker: Any, facts: Sequence[Mapping[str, Any]]) -> None:
        """Keep the sum where it is time to; `facts` are those of the runs in it, or of a part of its last block."""
        if not self._keys or not self._items.keeps or len(facts) < stacker.n_runs:
            return
        work = time.monotonic() - self._since
        is_last = len(facts) == len(self._keys)
        if work > self._pause or (is_last and (self._has_saved or work > SECONDS_AT_END)):
            self._save(stacker, facts)

    def give_up(self) -> None:
        """Keep nothing from now on: a run has failed that may not fail the next time."""
        self._keys = []

    def _save(self, stacker: Any, facts: Sequence[Mapping[str, Any]]) -> None:
        from gammapy_hli.engine.datasets.packed import pack  # late: loads astropy

        begin, key = time.monotonic(), self._keys[len(facts) - 1]
        try:
            packed = pack([stacker.state(), [dict(each) for each in facts]])
        except TypeError as error:
            self._logger.debug("not kept: %s", error)
            self.give_up()
            return
        self._items.close()
        self._items.write(key, *packed)
        if self._items.keeps:
            self._items.prune([key])
            self._context.keep_stored(key)
            self._has_saved = True
        self._since = time.monotonic()
        self._pause = max(SECONDS, (self._since - begin) / SHARE)

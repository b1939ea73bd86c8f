"""Groups of runs by a column of what is known of them: one value, or an interval of values, a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.names import slug
from gammapy_hli.base.suggest import did_you_mean

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observations import Observations
    from gammapy_hli.engine.dl3.store import DataStore

_OWN = ("ra_pnt", "dec_pnt", "offset", "zenith", "livetime", "tstart", "telescope")


def check_column(store: DataStore, column: str) -> None:
    """Raise InputError where neither the selection nor the observation index of a store has a column (any case)."""
    if _is_own(column) or _in_index(store, column) is not None:
        return
    known = [*_OWN, *store.obs_table.colnames]
    raise InputError(
        f"no column {column!r} to group runs by.{did_you_mean(column, known)} Columns of the selection: "
        f"{', '.join(_OWN)}; of the observation index: {', '.join(store.obs_table.colnames)}"
    )


def group_runs(observations: Observations, column: str, edges: Sequence[float] | None = None) -> dict[str, str]:
    """The group of every observation by its name.

    Parameters
    ----------
    observations : Observations
    column : str
        Of the table of the selection (zenith, telescope, ...), or of the observation index of the store.
    edges : sequence of float, optional
        Of intervals (low <= value < high, the last one with its end) in the unit of the column; without them each value
        is a group.

    Returns
    -------
    dict of str to str
        Names of groups are values, or ``<low>-<high>``, as they can stand in names; in the order of the values.

    Raises
    ------
    InputError
        No such column, a run without value or outside of the edges, text that edges cannot cut.
    """
    check_column(observations.store, column)
    values = _values(observations, column)
    runs = dict.fromkeys(observations.names) if not observations.parts else dict(observations.parts)
    of_run = {name: values[int(name)] if part is None else values[part[0]] for name, part in runs.items()}
    unknown = [name for name, value in of_run.items() if value in ("", None) or value != value]
    if unknown:
        raise InputError(f"runs {', '.join(unknown)} have no {column} to be grouped by; select others only")
    order = {value: number for number, value in enumerate(sorted(set(of_run.values())))}
    names = sorted(of_run, key=lambda name: order[of_run[name]])
    if edges is None:
        return {name: slug(_text(of_run[name])) for name in names}
    return {name: _interval(name, of_run[name], column, edges) for name in names}


def _is_own(column: str) -> bool:
    return column.lower() in _OWN


def _in_index(store: DataStore, column: str) -> str | None:
    """The column as the observation index writes it."""
    return next((name for name in store.obs_table.colnames if name.upper() == column.upper()), None)


def _values(observations: Observations, column: str) -> dict[int, Any]:
    """Value of the column by run number."""
    if _is_own(column):
        table = observations.table.table
        return dict(zip(table["obs_id"].tolist(), table[column.lower()].tolist(), strict=True))
    table = observations.store.obs_table
    name = str(_in_index(observations.store, column))
    if np.ndim(table[name]) != 1:
        raise InputError(f"column {name} of the observation index has several values a run; it makes no groups")
    values = [value.strip() if isinstance(value, str) else value for value in np.asarray(table[name]).tolist()]
    numbers = np.asarray(table[str(_in_index(observations.store, "OBS_ID"))]).tolist()
    return {int(number): value for number, value in zip(numbers, values, strict=True)}


def _interval(name: str, value: Any, column: str, edges: Sequence[float]) -> str:
    if not isinstance(value, int | float):
        raise InputError(f"column {column} holds text ({value!r} for run {name}); edges can cut numbers only")
    index = int(np.searchsorted(edges, value, side="right")) - 1
    if value == edges[-1]:
        index -= 1
    if not 0 <= index < len(edges) - 1:
        raise InputError(
            f"run {name}: {column} is {value:g}, outside of the edges {edges[0]:g} to {edges[-1]:g}. Widen them, or "
            "leave the run out of the selection"
        )
    return slug(f"{edges[index]:g}-{edges[index + 1]:g}".replace(".", "p"))


def _text(value: Any) -> str:
    return f"{value:g}".replace(".", "p") if isinstance(value, float) else str(value)

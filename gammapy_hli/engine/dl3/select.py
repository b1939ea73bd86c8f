"""Chooses runs of a store: by number, place, time, zenith, livetime, offset, index columns and responses.

`select(store, Selection(...))` gives one row for every run of the store, with the reason for each one left out. Facts
come from the observation index; where it lacks one that is needed, from the headers of the event files, and only of
the runs that everything else lets through.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError, NothingSelectedError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.index import find_file
from gammapy_hli.engine.dl3.observation_table import ObservationTable
from gammapy_hli.engine.dl3.run_facts import RunFacts
from gammapy_hli.engine.dl3.store import DataStore, expand_irfs


@dataclass(frozen=True)
class Cone:
    """Runs that point within a circle.

    Attributes
    ----------
    center
        Center of the circle.
    radius
        Radius; a run is in where separation < radius + border.
    border
        Added to the radius (gammapy's `border`).
    """

    center: SkyCoord
    radius: u.Quantity
    border: u.Quantity = 0 * u.deg


@dataclass(frozen=True)
class ColumnCut:
    """Condition on a column of the observation index; all that are given must hold.

    Attributes
    ----------
    minimum, maximum
        Bounds, both inclusive: numbers in the unit of the column, or quantities.
    equal
        The one value allowed; text is compared without blanks around.
    among
        The values allowed.
    """

    minimum: float | u.Quantity | None = None
    maximum: float | u.Quantity | None = None
    equal: Any = None
    among: tuple[Any, ...] | None = None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], column: str = "") -> "ColumnCut":
        """Make a cut from `{min: ..., max: ..., equal: ..., in: [...]}`.

        Raises
        ------
        InputError
            Where a key is another.
        """
        keys = {"min": "minimum", "max": "maximum", "equal": "equal", "in": "among"}
        for key in mapping:
            if key not in keys:
                raise InputError(
                    f"columns.{column}: unknown key {key!r}.{did_you_mean(str(key), keys)} Allowed: {', '.join(keys)}"
                )
        values = {keys[key]: value for key, value in mapping.items() if value is not None}
        if "among" in values:
            values["among"] = tuple(values["among"])
        return cls(**values)


@dataclass(frozen=True)
class Selection:
    """What to select; what is not given lets every run through.

    Attributes
    ----------
    obs_ids
        Run numbers; the result is in their order. All must be in the store.
    exclude_ids
        Run numbers to leave out.
    exclude_words
        The reason that is given for these.
    cone
        Circle that the pointing must be in.
    target
        Position that offsets are measured from; None: the center of the cone.
    offset_min, offset_max
        Bounds of the offset, both inclusive; they need a target.
    time_windows
        Times of interest.
    time_overlap
        False: the whole run must lie in one window (gammapy's choice). True: a common instant is enough; cut the runs
        with `Observation.select_time` then.
    zenith_min, zenith_max
        Bounds of the zenith angle, both inclusive.
    livetime_min
        Least livetime.
    columns
        Conditions by column of the observation index.
    required_irfs
        Responses that a run must have: kinds, or a group of `store.IRF_GROUPS`.
    """

    obs_ids: tuple[int, ...] | None = None
    exclude_ids: tuple[int, ...] = ()
    exclude_words: str = "in exclude_ids"
    cone: Cone | None = None
    target: SkyCoord | None = None
    offset_min: u.Quantity | None = None
    offset_max: u.Quantity | None = None
    time_windows: Gti | None = None
    time_overlap: bool = False
    zenith_min: u.Quantity | None = None
    zenith_max: u.Quantity | None = None
    livetime_min: u.Quantity | None = None
    columns: Mapping[str, ColumnCut] = field(default_factory=dict)
    required_irfs: str | Sequence[str] = ()

    @property
    def reference_position(self) -> SkyCoord | None:
        """Position that offsets are measured from."""
        return self.target if self.target is not None else (self.cone.center if self.cone else None)


def read_run_list(path: str | Path) -> tuple[int, ...]:
    """Read run numbers from a text file: blanks, commas or lines between them, `#` starts a comment.

    Raises
    ------
    InputError
        Where the file is missing, empty or holds something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: run list cannot be read ({error}).") from None
    numbers: list[int] = []
    for line_number, line in enumerate(text.splitlines(), start=1):
        for word in line.split("#")[0].replace(",", " ").split():
            if not word.isdecimal():
                raise InputError(f"{path}:{line_number}: {word!r} is no run number; expected whole numbers.")
            numbers.append(int(word))
    if not numbers:
        raise InputError(f"{path}: the run list is empty.")
    return tuple(numbers)


def select(store: DataStore, selection: Selection) -> ObservationTable:
    """Choose runs.

    Returns
    -------
    ObservationTable
        One row for every run of the store; where run numbers were given, these come first, in their order.

    Raises
    ------
    InputError
        Where a run number or a column is not in the index, or a cut needs what is not given.
    NothingSelectedError
        Where no run is left, with a count per reason.
    """
    store.check_obs_ids((*(selection.obs_ids or ()), *selection.exclude_ids))
    facts = RunFacts(store, _ordered_ids(store, selection))
    verdict = _Verdict(facts.obs_ids)
    _cut_numbers(verdict, selection)
    _cut_kinds(verdict, store, selection)
    _cut_columns(verdict, store, selection)
    _cut_place(verdict, facts, selection)
    _cut_zenith(verdict, facts, selection)
    _cut_livetime(verdict, facts, selection)
    _cut_time(verdict, facts, selection)
    _cut_files(verdict, store, selection)
    facts.complete(verdict.is_selected)
    _cut_unreadable(verdict, facts)
    if not verdict.is_selected.any():
        raise NothingSelectedError(verdict.nothing_left(store.name, (NOT_IN_LIST, selection.exclude_words)))
    return _table(facts, verdict, selection)


class _Verdict:
    """Reasons against each run; the first word of a reason's kind is what `nothing_left` counts."""

    def __init__(self, obs_ids: Sequence[int]):
        self.obs_ids = obs_ids
        self.reasons: list[list[str]] = [[] for _ in obs_ids]
        self.kinds: list[list[str]] = [[] for _ in obs_ids]

    @property
    def is_selected(self) -> np.ndarray:
        """Runs without a reason against them, bool, shape (n,)."""
        return np.array([not reasons for reasons in self.reasons], dtype=bool)

    def reject(self, row: int, kind: str, reason: str) -> None:
        self.reasons[row].append(reason)
        self.kinds[row].append(kind)

    def reject_where(self, wrong: np.ndarray, kind: str, reason: Any) -> None:
        """Reject the rows where `wrong`, with the text `reason(row)`."""
        for row in np.flatnonzero(wrong).tolist():
            self.reject(row, kind, reason(row))

    def failed(self, named: Sequence[int]) -> list[int]:
        """Runs that no choice of the user leaves out: files missing or unreadable; of the named ones also HDUs."""
        return [
            obs_id
            for obs_id, kinds in zip(self.obs_ids, self.kinds, strict=True)
            if kinds and (kinds[0] in (NO_FILE, UNREADABLE) or (kinds[0] == NO_HDU and obs_id in named))
        ]

    def nothing_left(self, store: str, plain: Sequence[str]) -> str:
        """What left out how many runs, with an example of a reason that is none of the plain ones."""
        counts = Counter(kinds[0] for kinds in self.kinds)
        listed = "; ".join(f"{number} {kind}" for kind, number in counts.most_common())
        first = next((reasons[0] for reasons in self.reasons if reasons and reasons[0] not in plain), "")
        example = f" For example: {first}." if first else ""
        return f"{store}: none of {len(self.obs_ids)} runs is selected: {listed}.{example} Widen the selection."


NOT_IN_LIST = "not in obs_ids"
NO_HDU = "without a required HDU"
NO_FILE = "with a missing file"
UNREADABLE = "with an unreadable file"


def _ordered_ids(store: DataStore, selection: Selection) -> list[int]:
    wanted = list(dict.fromkeys(selection.obs_ids or ()))
    taken = set(wanted)
    return wanted + [obs_id for obs_id in store.obs_ids if obs_id not in taken]


def _cut_numbers(verdict: _Verdict, selection: Selection) -> None:
    wanted = None if selection.obs_ids is None else set(selection.obs_ids)
    excluded = set(selection.exclude_ids)
    for row, obs_id in enumerate(verdict.obs_ids):
        if obs_id in excluded:
            verdict.reject(row, selection.exclude_words, selection.exclude_words)
        elif wanted is not None and obs_id not in wanted:
            verdict.reject(row, NOT_IN_LIST, NOT_IN_LIST)


def _cut_kinds(verdict: _Verdict, store: DataStore, selection: Selection) -> None:
    required = expand_irfs(selection.required_irfs)
    for row in np.flatnonzero(verdict.is_selected).tolist():
        missing = store.missing_kinds(verdict.obs_ids[row], required)
        if missing:
            lost = ", ".join(f"'{kind}'" for kind in missing)
            verdict.reject(row, NO_HDU, f"no {lost} HDU in the index")


def _cut_columns(verdict: _Verdict, store: DataStore, selection: Selection) -> None:
    """Conditions on columns; runs that the observation index lacks fail them."""
    if not selection.columns:
        return
    index = store.obs_index
    if index is None:
        raise InputError(
            f"{store.name}: no observation index, so columns ({', '.join(selection.columns)}) cannot be used."
        )
    row_of = {obs_id: row for row, obs_id in enumerate(index.obs_ids)}
    open_rows = np.flatnonzero(verdict.is_selected).tolist()
    for column, cut in selection.columns.items():
        values = index.raw(column)
        bounds = [
            _in_unit(bound, index.unit(column), f"{index.where}, column {column}")
            for bound in (cut.minimum, cut.maximum)
        ]
        for row in open_rows:
            at = row_of.get(verdict.obs_ids[row])
            fault = "is not known" if at is None else _fault(values[at], cut, bounds)
            if fault:
                verdict.reject(row, f"by column {column}", f"{column} {fault}")


def _in_unit(bound: Any, unit: u.UnitBase, where: str) -> Any:
    if not isinstance(bound, u.Quantity):
        return bound
    try:
        return float(bound.to_value(unit))
    except u.UnitConversionError:
        raise InputError(f"{where}: the bound {bound} does not convert to the unit of the column, {unit}.") from None


def _fault(value: Any, cut: ColumnCut, bounds: Sequence[Any]) -> str:
    """Give in words what is wrong with a value, '' where nothing is."""
    plain = str(value).strip() if isinstance(value, str | bytes) else value
    low, high = bounds
    try:
        if low is not None and not plain >= low:
            return f"{plain} < {low}"
        if high is not None and not plain <= high:
            return f"{plain} > {high}"
    except TypeError:
        return f"{plain!r} is text, min and max need numbers"
    if cut.equal is not None and plain != cut.equal:
        return f"{plain} is not {cut.equal}"
    if cut.among is not None and plain not in cut.among:
        return f"{plain} is not in {', '.join(map(str, cut.among))}"
    return ""


def _cut_place(verdict: _Verdict, facts: RunFacts, selection: Selection) -> None:
    target = selection.reference_position
    if target is None:
        if selection.offset_min is not None or selection.offset_max is not None:
            raise InputError("offset_min and offset_max need a target: give target or cone.")
        return
    facts.need(("ra_pnt", "dec_pnt"), verdict.is_selected)
    facts.measure_offset(target)
    is_open = verdict.is_selected
    if selection.cone is not None:
        cone = selection.cone
        distance = facts.separation(cone.center)
        radius = (cone.radius + cone.border).to_value(u.deg)
        verdict.reject_where(
            is_open & ~(distance < radius),
            "outside the cone",
            lambda row: f"{distance[row]:.2f} deg from the center of the cone, radius {radius:.3g} deg",
        )
    _cut_range(verdict, is_open, facts.column("offset"), selection.offset_min, selection.offset_max, "offset", u.deg)


def _cut_zenith(verdict: _Verdict, facts: RunFacts, selection: Selection) -> None:
    if selection.zenith_min is not None or selection.zenith_max is not None:
        facts.need(("zenith",), verdict.is_selected)
        bounds = (selection.zenith_min, selection.zenith_max)
        _cut_range(verdict, verdict.is_selected, facts.column("zenith"), *bounds, "zenith", u.deg)


def _cut_livetime(verdict: _Verdict, facts: RunFacts, selection: Selection) -> None:
    if selection.livetime_min is not None:
        facts.need(("livetime",), verdict.is_selected)
        _cut_range(
            verdict, verdict.is_selected, facts.column("livetime"), selection.livetime_min, None, "livetime", u.s
        )


def _cut_range(
    verdict: _Verdict,
    rows: np.ndarray,
    values: np.ndarray,
    minimum: u.Quantity | None,
    maximum: u.Quantity | None,
    name: str,
    unit: u.UnitBase,
) -> None:
    """Reject the rows whose value is outside [minimum, maximum] or nan."""
    if minimum is None and maximum is None:
        return
    low = -np.inf if minimum is None else float(minimum.to_value(unit))
    high = np.inf if maximum is None else float(maximum.to_value(unit))

    def reason(row: int) -> str:
        value = values[row]
        if np.isnan(value):
            return f"{name} is not known"
        sign, bound = ("<", low) if value < low else (">", high)
        return f"{name} {value:.5g} {unit} {sign} {bound:.5g} {unit}"

    verdict.reject_where(rows & ~((values >= low) & (values <= high)), f"by {name}", reason)


def _cut_time(verdict: _Verdict, facts: RunFacts, selection: Selection) -> None:
    if selection.time_windows is None:
        return
    windows = selection.time_windows
    facts.need(("start", "stop"), verdict.is_selected)
    start, stop = facts.clock(windows.reference)
    ends = start[:, np.newaxis], stop[:, np.newaxis]
    if selection.time_overlap:
        fits = (ends[0] < windows.stop) & (ends[1] > windows.start)
        words = "outside all time windows"
    else:
        fits = (ends[0] >= windows.start) & (ends[1] <= windows.stop)
        words = "not wholly inside a time window"

    texts = facts.tstart_texts()

    def reason(row: int) -> str:
        if np.isnan(start[row]):
            return "its time is not known"
        return f"{texts[row]} + {stop[row] - start[row]:.0f} s is {words}"

    verdict.reject_where(verdict.is_selected & ~fits.any(axis=1), words, reason)


def _cut_files(verdict: _Verdict, store: DataStore, selection: Selection) -> None:
    """Runs whose files are not there (whether these are whole is seen by `DataStore.check_files`, or when read)."""
    kinds = ("events", "gti", *expand_irfs(selection.required_irfs))
    exists: dict[Path, bool] = {}
    for row in np.flatnonzero(verdict.is_selected).tolist():
        for kind, location in store.index.locations(verdict.obs_ids[row]).items():
            path = location.path
            if kind in kinds and path not in exists:
                exists[path] = find_file(path).is_file()
            if kind in kinds and not exists[path]:
                verdict.reject(row, NO_FILE, f"no such file: {path.name} ({kind})")
                break


def _cut_unreadable(verdict: _Verdict, facts: RunFacts) -> None:
    for row, message in facts.unreadable.items():
        if verdict.is_selected[row]:
            verdict.reject(row, UNREADABLE, message)


def _table(facts: RunFacts, verdict: _Verdict, selection: Selection) -> ObservationTable:
    target = selection.reference_position
    meta: dict[str, Any] = {}
    if target is not None:
        meta = {"target_ra_deg": float(target.icrs.ra.deg), "target_dec_deg": float(target.icrs.dec.deg)}
    failed = verdict.failed(selection.obs_ids or ())
    meta |= {"failed": failed} if failed else {}
    columns = {name: facts.column(name) for name in ("ra_pnt", "dec_pnt", "offset", "zenith", "livetime")}
    columns |= {
        "obs_id": np.array(facts.obs_ids, dtype=np.int64),
        "tstart": np.array(facts.tstart_texts(), dtype=str),
        "telescope": np.array(facts.telescopes, dtype=str),
        "selected": verdict.is_selected,
        "reason": np.array(["; ".join(reasons) for reasons in verdict.reasons], dtype=str),
    }
    return ObservationTable.from_columns(columns, meta)

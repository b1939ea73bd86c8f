"""The plan of a chain: for each step run or skip, and why, in words."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from gammapy_hli.base.summary import Summary
from gammapy_hli.run.hashing import FileHasher
from gammapy_hli.run.manifest import ABSENT, FileRecord, Manifest
from gammapy_hli.run.step import Option, Step, absolute_files, input_places

UP_TO_DATE = "up to date"
SET_IN_PYTHON: Final = "set in Python"
_MAX_REASONS = 3
_MOST_TEXT = 60


@dataclass(frozen=True)
class Moves:
    """Places of inputs that have changed: (before, now), the longest first."""

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def between(cls, before: Mapping[str, str], now: Mapping[str, str]) -> "Moves":
        """What has changed between two mappings of dotted paths to places."""
        pairs = {(place, now[path]) for path, place in before.items() if path in now and now[path] != place}
        return cls(tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair))))

    def now(self, path: str) -> str:
        """Where a file is looked for now."""
        return next((now + path[len(before) :] for before, now in self.pairs if is_at(path, before)), path)


def is_at(path: str, place: str) -> bool:
    """Whether a path is that of a place, or below it."""
    return path == place or path.startswith(os.path.join(place, ""))


@dataclass(frozen=True)
class Decision:
    """What is to be done about one step.

    Attributes
    ----------
    step : str
    action : {"run", "skip", "use"}
        "use": the step is not asked for, or its product was set in Python: it is taken as it is.
    reasons : tuple of str
        All reasons; ``reason`` is the first few in one text.
    """

    step: str
    action: Literal["run", "skip", "use"]
    reasons: tuple[str, ...] = (UP_TO_DATE,)

    @property
    def reason(self) -> str:
        shown = "; ".join(self.reasons[:_MAX_REASONS])
        more = len(self.reasons) - _MAX_REASONS
        return f"{shown}; and {more} more" if more > 0 else shown


@dataclass(frozen=True)
class Plan(Summary):
    """Decisions for all steps, in their order."""

    decisions: tuple[Decision, ...]

    def __getitem__(self, step: str) -> Decision:
        for decision in self.decisions:
            if decision.step == step:
                return decision
        raise KeyError(step)

    @property
    def to_run(self) -> tuple[str, ...]:
        """Names of the steps that will run."""
        return tuple(decision.step for decision in self.decisions if decision.action == "run")

    def summary(self) -> dict[str, Any]:
        return {decision.step: f"{decision.action}: {decision.reason}" for decision in self.decisions}

    def __str__(self) -> str:
        width = max((len(decision.step) for decision in self.decisions), default=0)
        return "\n".join(f"{d.step:<{width}}  {d.action:<4}  {d.reason}" for d in self.decisions)


@dataclass(frozen=True)
class StepStatus:
    """The state of one step: ``up to date``, ``out of date``, ``set in Python``, ``never run``; why, when, flags."""

    step: str
    state: Literal["up to date", "out of date", "set in Python", "never run"]
    reason: str
    ended: str = ""
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        when = f" ({self.ended})" if self.ended else ""
        why = f": {self.reason}" if self.state == "out of date" else ""
        flags = "".join(f"\n  flagged: {flag}" for flag in self.flags)
        return f"{self.step}: {self.state}{when}{why}{flags}"


def make_plan(
    steps: Sequence[Step],
    manifests: Mapping[str, Manifest | None],
    folders: Mapping[str, Path] | None,
    hasher: FileHasher,
    *,
    force: bool | Collection[str] = (),
    only: Collection[str] | None = None,
) -> Plan:
    """Decide about all steps, given what is recorded about each.

    Parameters
    ----------
    steps : sequence of Step
    manifests : mapping of step name to Manifest or None
    folders : mapping of step name to folder, or None
        Where the products are; None for products in memory.
    hasher : FileHasher
    force : bool or names of steps (with or without label)
    only : names of steps, optional
        The others are not looked at: their products are used as they are.
    """
    decisions: list[Decision] = []
    places = input_places(steps)
    running: set[str] = set()
    for step in steps:
        if only is not None and step.name not in only:
            decisions.append(taken_as_it_is(step, manifests.get(step.name)))
            continue
        reasons = reasons_to_run(
            step,
            manifests,
            None if folders is None else folders[step.name],
            hasher,
            running=running,
            forced=is_forced(step, force),
            places=places,
        )
        if reasons:
            running.add(step.name)
            decisions.append(Decision(step.name, "run", tuple(reasons)))
        else:
            decisions.append(Decision(step.name, "skip"))
    return Plan(tuple(decisions))


def taken_as_it_is(step: Step, manifest: Manifest | None) -> Decision:
    """The decision about a step that is not to run."""
    is_given = manifest is not None and manifest.status == "given"
    return Decision(step.name, "use", (SET_IN_PYTHON if is_given else "not asked for",))


def is_forced(step: Step, force: bool | Collection[str]) -> bool:
    """True where all steps, this one, or all of its section are forced."""
    return force if isinstance(force, bool) else step.name in force or step.section in force


def reasons_to_run(
    step: Step,
    manifests: Mapping[str, Manifest | None],
    folder: Path | None,
    hasher: FileHasher,
    *,
    running: Collection[str] = (),
    forced: bool = False,
    places: Mapping[str, str] | None = None,
) -> list[str]:
    """Why a step must run, in words; empty where it is up to date.

    Inputs that stand elsewhere than before count for what is in them: the same files in another place are the same.
    `places` are those of all inputs that options of the chain name now.
    """
    manifest = manifests.get(step.name)
    reasons = ["forced"] if forced else []
    if manifest is None:
        return [*reasons, "never run"]
    if manifest.status == "given":
        reasons.append(f"its product was {SET_IN_PYTHON}")
    if manifest.recipe_version != step.recipe_version:
        reasons.append(f"recipe version {manifest.recipe_version} -> {step.recipe_version}")
    moves = Moves.between(manifest.places, places or {})
    contents = _file_changes(step, manifest, hasher, moves)
    reasons += option_changes(manifest.options, step.effective_options(), _same_elsewhere(step, manifest, contents))
    reasons += _place_changes(step, manifest)
    reasons += _input_changes(step, manifest, manifests, running)
    reasons += contents
    if folder is not None:
        reasons += product_changes(manifest, folder, hasher)
    return reasons


def option_changes(
    before: Mapping[str, Option], now: Mapping[str, Option], leave_out: Collection[str] = ()
) -> list[str]:
    """Options that differ: ``reduction.energy.min changed 0.1 TeV -> 0.3 TeV (crab.yaml:7:17)``.

    An option that is not in one of the two and has its default in the other is the same: releases add options, and a
    release whose results differ has another recipe version.
    """
    changes = []
    for path, option in now.items():
        old = before.get(path)
        if old is None:
            if option.origin != "default" and not _is_section(path, before):
                changes.append(f"{path} set to {option.text}{_where(option)}")
        elif old.text != option.text and path not in leave_out:
            changes.append(f"{path} changed {_difference(old, option)}{_where(option)}")
    for path, old in before.items():
        if path not in now and old.origin != "default" and not _is_section(path, now):
            changes.append(f"{path} no longer set (was {_cut(old)})")
    return changes


def _is_section(path: str, options: Iterable[str]) -> bool:
    """Whether options stand below a path: what tells an empty section from null says nothing there."""
    return any(other.startswith(f"{path}.") for other in options)


def product_changes(manifest: Manifest, folder: Path, hasher: FileHasher) -> list[str]:
    """Products that are missing or have another content than when they were written."""
    return [f"product {words}" for words in _changes(manifest.products, folder, hasher)]


def _input_changes(
    step: Step, manifest: Manifest, manifests: Mapping[str, Manifest | None], running: Collection[str]
) -> list[str]:
    wires = [
        (role, name)
        for role, source in step.inputs.items()
        for name in ((source,) if isinstance(source, str) else source)
    ]
    recorded = {(record.role, record.step): record for record in manifest.inputs}
    if set(wires) != set(recorded):
        before = ", ".join(name for _, name in recorded) or "nothing"
        return [f"inputs changed {before} -> {', '.join(name for _, name in wires) or 'nothing'}"]
    changes = []
    for role, name in wires:
        record, current = recorded[role, name], manifests.get(name)
        if name in running:
            changes.append(f"input {name} will run")
        elif current is None:
            changes.append(f"input {name} is missing")
        elif (current.key, current.fingerprint) != (record.key, record.fingerprint):
            changes.append(f"input {name} has changed")
    return list(dict.fromkeys(changes))


def _same_elsewhere(step: Step, manifest: Manifest, contents: Sequence[str]) -> set[str]:
    """Options that name another place with the same files; none where any file differs, or products hold paths."""
    if step.keeps_paths or contents:
        return set()
    before = {path: manifest.places[path] for path in step.places if path in manifest.places}
    return {path for path, place in before.items() if any(is_at(record.path, place) for record in manifest.files)}


def _place_changes(step: Step, manifest: Manifest) -> list[str]:
    """Inputs whose path is written as before, but means another place (a variable has changed), where that counts."""
    if not step.keeps_paths:
        return []
    now = step.effective_options()
    return [
        f"{path} {option.text} is {place} now"
        for path, place in step.places.items()
        if (option := now.get(path)) is not None
        and path in manifest.places
        and manifest.places[path] != place
        and path in manifest.options
        and manifest.options[path].text == option.text
    ]


def _file_changes(step: Step, manifest: Manifest, hasher: FileHasher, moves: Moves) -> list[str]:
    files = [replace(record, path=moves.now(record.path)) for record in manifest.files]
    recorded = {record.path for record in files}
    new = [f"input file {path} is new" for path in absolute_files(step.files) if str(path) not in recorded]
    return new + [f"input file {words}" for words in _changes(files, Path(), hasher)]


def _changes(records: Sequence[FileRecord], folder: Path, hasher: FileHasher) -> list[str]:
    changes = []
    for record in records:
        path = folder / record.path
        try:
            is_resized = not path.is_dir() and os.path.getsize(path) != record.size
            if record.sha256 == ABSENT:
                hasher.sha256(path)
                changes.append(f"{record.path} can be read now")
            elif is_resized or hasher.sha256(path) != record.sha256:
                changes.append(f"{record.path} has changed")
        except FileNotFoundError:
            changes += [f"{record.path} is missing"] if record.sha256 != ABSENT else []
        except OSError as error:
            changes += [f"{record.path} cannot be read ({error.strerror})"] if record.sha256 != ABSENT else []
    return changes


def _where(option: Option) -> str:
    return f" ({option.origin})" if option.origin and option.origin != "default" else " (default)"


def _difference(old: Option, new: Option) -> str:
    """Two texts with an arrow between; long ones that begin alike from the entry on in which they differ."""
    pairs = zip(old.text, new.text, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(old.text), len(new.text)))
    if max(len(old.text), len(new.text)) <= _MOST_TEXT or same < _MOST_TEXT // 2 or old.is_path or new.is_path:
        return f"{_cut(old)} -> {_cut(new)}"
    begin = max(new.text.rfind(", ", 0, same) + 2, same - _MOST_TEXT // 2)
    texts = [f"...{option.text[begin:]}" for option in (old, new)]
    return " -> ".join(text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..." for text in texts)


def _cut(option: Option) -> str:
    """Its text, or the beginning of it; of a path the end."""
    if len(option.text) <= _MOST_TEXT:
        return option.text
    return f"...{option.text[3 - _MOST_TEXT :]}" if option.is_path else f"{option.text[: _MOST_TEXT - 3]}..."

"""What ``gammapy-hli prov`` prints: the way back from a product as a tree, and as a plain document for JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from gammapy_hli.cli.arguments import color
from gammapy_hli.run.history import Attempt
from gammapy_hli.run.lineage import Place, Session
from gammapy_hli.run.manifest import ABSENT, FileRecord, Manifest
from gammapy_hli.run.step import Option

MOST_FILES = 12
DIGITS = 12  # of hashes that are shown
Line = tuple[str, list[Any]]  # a text and the lines below it


def lineage_text(place: Place, *, show_all: bool = False) -> str:
    """The tree of a product: the step that made it, its options, its inputs, and so on back to the event lists.

    Parameters
    ----------
    place : Place
    show_all : bool
        Defaults and every file too, and whole hashes.
    """
    return "\n".join(_drawn([_Tree(place.session, show_all).root(place)]))


def lineage_document(place: Place) -> dict[str, Any]:
    """The same with everything, as a plain document."""
    session = place.session.back_from(place.step)
    product = None if place.product is None else vars(place.product)
    return {
        "file": str(place.path),
        "outdir": str(session.folder),
        "step": place.step,
        "product": product,
        "is_whole": place.is_whole,
        "steps": {name: _plain_step(manifest) for name, manifest in session.manifests.items()},
    }


def history_text(attempts: list[Attempt]) -> str:
    """Every call with its steps, each on a line."""
    width = max((len(attempt.step) for attempt in attempts), default=0)
    lines: list[str] = []
    for number, attempt in enumerate(attempts):
        if number == 0 or attempt.run != attempts[number - 1].run:
            who = attempt.software.get("user", "unknown")
            lines.append(f"{attempt.start[:19]}  {who}: {' '.join(attempt.software.get('command', []))}")
        state = attempt.status if attempt.status != "killed" else "no end was written: killed, or still at work"
        error = f"  {attempt.error.splitlines()[0]}" if attempt.error else ""
        lines.append(f"  {attempt.step:<{width}}  {color(state, '32' if state == 'complete' else '31')}{error}")
    return "\n".join(lines)


class _Tree:
    """Builds the lines of a tree; a step that stands above already is named only."""

    def __init__(self, session: Session, show_all: bool):
        self.session = session
        self.show_all = show_all
        self.told: set[str] = set()

    def root(self, place: Place) -> Line:
        if place.step is None:
            return str(place.path), [self.step(name) for name in reversed(self._ends())]
        title = str(place.path)
        if place.product is not None:
            is_here = place.path.resolve().is_relative_to(place.session.folder.resolve())
            state = "whole" if place.is_whole else color("changed since it was written", "31")
            origin = "" if is_here else f", from {place.session.folder / place.step / place.product.path}"
            title += f"  sha256 {self._hash(place.product)}  {state}{origin}"
        elif not place.is_whole:
            title += color("  changed since it was written; known by its header", "33")
        return title, [self.step(place.step)]

    def step(self, name: str, role: str = "") -> Line:
        label = f"{role}: " if role else ""
        manifest = self.session.manifests.get(name)
        if manifest is None:
            return f"{label}{name}  {color('(no record of it)', '31')}", []
        if name in self.told:
            return f"{label}{color(name, '1')}  (above)", []
        self.told.add(name)
        below = [*self._options(manifest), *self._files(manifest)]
        below += [self.step(record.step, record.role) for record in manifest.inputs]
        return f"{label}{color(name, '1')}  {_facts(manifest)}", below

    def _ends(self) -> list[str]:
        """The steps whose products no other step took."""
        taken = {record.step for manifest in self.session.manifests.values() for record in manifest.inputs}
        return [name for name in self.session.manifests if name not in taken]

    def _options(self, manifest: Manifest) -> Iterator[Line]:
        for path, option in shown_options(manifest, self.show_all).items():
            origin = f"  ({option.origin})" if option.is_set else "  (default)"
            yield f"{path} = {option.as_yaml}{color(origin, '2')}", []

    def _files(self, manifest: Manifest) -> Iterator[Line]:
        most = len(manifest.files) if self.show_all else MOST_FILES
        for record in manifest.files[:most]:
            yield f"{record.path}  {color(self._hash(record), '2')}", []
        if len(manifest.files) > most:
            yield f"and {len(manifest.files) - most} more files (--all shows them)", []

    def _hash(self, record: FileRecord) -> str:
        return record.sha256 if self.show_all or record.sha256 == ABSENT else record.sha256[:DIGITS]


def shown_options(manifest: Manifest, show_all: bool = False) -> Mapping[str, Option]:
    """The options of a step by their path below its section: those that somebody set, or all."""
    return {
        path.partition(".")[2] or path: option for path, option in manifest.options.items() if show_all or option.is_set
    }


def _facts(manifest: Manifest) -> str:
    if manifest.status == "given":
        return "set in Python"
    made = f"made {manifest.end[:19]} by gammapy_hli {manifest.software.get('gammapy_hli', '?')}"
    flags = "".join(f"  {color(f'look at: {flag}', '33')}" for flag in manifest.flags)
    return f"{color(made, '2')}{flags}"


def _plain_step(manifest: Manifest) -> dict[str, Any]:
    return {
        "recipe_version": manifest.recipe_version,
        "status": manifest.status,
        "start": manifest.start,
        "end": manifest.end,
        "key": manifest.key,
        "config_key": manifest.config_key,
        "work_key": manifest.work_key,
        "options": {path: {"text": each.text, "origin": each.origin} for path, each in manifest.options.items()},
        "inputs": [{"role": record.role, "step": record.step} for record in manifest.inputs],
        "files": [vars(record) for record in manifest.files],
        "products": [vars(record) for record in manifest.products],
        "flags": list(manifest.flags),
        "software": dict(manifest.software),
    }


def _drawn(lines: list[Line], before: str | None = None) -> Iterator[str]:
    for number, (text, below) in enumerate(lines):
        is_last = number == len(lines) - 1
        if before is None:
            yield text
            yield from _drawn(below, "")
        else:
            yield f"{before}{'└─ ' if is_last else '├─ '}{text}"
            yield from _drawn(below, f"{before}{'   ' if is_last else '│  '}")

"""Puts what a source says into live components, checking every key and value; problems are collected, never raised."""

from collections.abc import Mapping
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.base.names import check_name
from gammapy_hli.base.suggest import edit_distance, fold, suggest
from gammapy_hli.core.entries import Entry, Words, entry_from_python
from gammapy_hli.core.option import InvalidValue, Option, shown
from gammapy_hli.core.slots import Member, Named, NamedItems, join


class Applier:
    """Applies entries to components.

    Parameters
    ----------
    problems : list of Problem
        What is wrong is appended to it.
    inherited : bool
        Whether the settings are those of the section without label, applied to a labelled one.
    internal : bool
        Whether options that are not for users can be set.
    """

    def __init__(self, problems: list[Problem], *, inherited: bool = False, internal: bool = False):
        self.problems = problems
        self.internal = internal
        self.inherited = inherited

    def section(self, component: Any, entry: Entry) -> None:
        """Apply a mapping to a component; null means defaults."""
        entry = _read_words(entry)
        if hasattr(entry.value, "to_plain"):
            entry = entry_from_python(entry.value.to_plain(only_set=True), entry.origin)
        if entry.value is None:
            return
        if not entry.is_mapping:
            names = ", ".join(list(component.members())[:4])
            message = f"{shown(entry.plain())} is not a section; expected options such as {names}"
            self._problem(entry, "section", component.dotted_path, message)
            return
        if component.is_typed and "type" in entry.value:
            self._member(component, "type", entry.value["type"])
            if "type" in component._bad:
                return  # the names of its options cannot be known
            rest = {key: child for key, child in entry.value.items() if key != "type"}
            entry = Entry(rest, entry.origin, entry.keys)
        found = self._members(component, entry)
        self._refuse_group_conflicts(component, found)
        for name, (key, child) in found.items():
            component.note_place(name, entry.keys.get(key, child.origin))
            self._member(component, name, child)

    def _members(self, component: Any, entry: Entry) -> dict[str, tuple[str, Entry]]:
        """Keys of the entry by the name of the member; what is not known is reported."""
        found: dict[str, tuple[str, Entry]] = {}
        for key, child in entry.value.items():
            name = component.find_member(key, internal=self.internal)
            if name is None:
                self._unknown_key(component, entry, key, child)
            elif name in found:
                message = f"'{key}' and '{found[name][0]}' are the same option"
                place = entry.keys.get(key, child.origin)
                self.problems.append(
                    place.problem("duplicate-key", join(component.dotted_path, key), message, hint="Keep one of them.")
                )
            else:
                self._warn_if_renamed(component, entry, key, name)
                found[name] = (key, child)
        return found

    def _unknown_key(self, component: Any, entry: Entry, key: Any, child: Entry) -> None:
        alone = Entry({key: child}, entry.origin, {key: entry.keys.get(key, child.origin)})
        if component.is_typed and component.wait_for_type(lambda: self.section(component, alone)):
            return
        self.problems.append(unknown_key(component, key, entry.keys.get(key, child.origin)))

    def _warn_if_renamed(self, component: Any, entry: Entry, key: str, name: str) -> None:
        if key in component.renamed:
            place = entry.keys.get(key, entry.origin)
            message = f"'{join(component.dotted_path, key)}' is now called '{join(component.dotted_path, name)}'"
            self.problems.append(place.problem("renamed", join(component.dotted_path, key), message, warning=True))

    def _refuse_group_conflicts(self, component: Any, found: Mapping[str, tuple[str, Entry]]) -> None:
        groups: dict[str, str] = {}
        for name, (key, child) in found.items():
            group = component.members()[name].group
            if group is None or child.value is None:
                continue
            if group in groups:
                other, first = found[groups[group]]
                message = f"'{key}' and '{other}' exclude each other; '{other}' is set at {first.origin}"
                self._problem(child, "conflict", join(component.dotted_path, key), message, "Keep one of them.")
            groups.setdefault(group, name)

    def _member(self, component: Any, name: str, child: Entry) -> None:
        member = component.members()[name]
        if isinstance(member, Option):
            self._option(component, member, name, child)
        elif isinstance(member, Named):
            self._named(component.child(name), _read_words(child))
        else:
            self._part(component, member, name, _read_words(child))

    def _part(self, component: Any, member: Member, name: str, child: Entry) -> None:
        if child.value is None and member.is_optional:
            component.clear_child(name, child.origin, inherited=self.inherited)
            return
        if isinstance(child.value, str) and hasattr(member, "types"):
            child = Entry({"type": child}, child.origin)
        component.note_child(name, child.origin, inherited=self.inherited)
        self.section(component.make_child(name), child)

    def _named(self, items: NamedItems, child: Entry) -> None:
        if child.value is None:
            return
        if not child.is_mapping:
            message = f"{shown(child.plain())} is not a mapping from names to sections"
            self._problem(child, "section", items.dotted_path, message)
            return
        for name, item in child.value.items():
            try:
                check_name(name)
            except ValueError as error:
                if not isinstance(name, str) or not name.strip() or not items._member.any_name or "." in name:
                    place = child.keys.get(name, item.origin)
                    self.problems.append(place.problem("name", join(items.dotted_path, str(name)), str(error)))
                    continue
            made = items.make(name)
            items.note_place(name, child.keys.get(name, item.origin))
            self.section(made, item)

    def _option(self, component: Any, option: Option, name: str, child: Entry) -> None:
        try:
            if isinstance(child.value, Words):
                stored = option.check_words(child.value.words)
            else:
                stored = option.check(child.plain())
        except InvalidValue as error:
            place = child.at(error.at)
            component.note_problem(name)
            self.problems.append(
                place.problem(error.code, join(component.dotted_path, name), error.message, hint=error.hint)
            )
            return
        component.assign(name, stored, child.origin, inherited=self.inherited)

    def _problem(self, entry: Entry, code: str, path: str, message: str, hint: str | None = None) -> None:
        self.problems.append(entry.origin.problem(code, path, message, hint=hint))


def _read_words(entry: Entry) -> Entry:
    """Words behind a section on the command line, read as YAML."""
    if not isinstance(entry.value, Words):
        return entry
    return entry_from_python(entry.value.read(), entry.origin)


def unknown_key(component: Any, key: Any, place: Any) -> Problem:
    """The problem of a name that a component does not have: siblings are suggested first, then the whole tree."""
    path = join(component.dotted_path, str(key))
    hint = suggestion(component, str(key))
    return place.problem("unknown-key", path, f"unknown key '{path}'.", hint=hint or _listing(component))


def suggestion(component: Any, key: str) -> str | None:
    """``Did you mean 'x'?``, or None."""
    siblings = component.known_keys()
    found = suggest(key, siblings)
    if found is None:
        last: dict[str, str] = {}
        for path in component.root.all_paths():
            last.setdefault(path.rpartition(".")[2], path)
        match = suggest(key, last)
        # an option of another section, under its own name, may be meant; names that are only alike mislead
        slips = 0 if component.is_typed else len(key) // 6
        if match is not None and edit_distance(fold(key), fold(match)) <= slips:
            found = last[match]
    return f"Did you mean '{found}'?" if found is not None else None


def _listing(component: Any) -> str | None:
    names = component.known_keys()
    if not names:
        return None
    return f"Known here: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"

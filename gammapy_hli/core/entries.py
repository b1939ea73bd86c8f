"""What a source of options says, as one tree of entries with their origins: from YAML, words or Python alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.yaml_reader import Node, parse_yaml
from gammapy_hli.core.origins import PYTHON_ORIGIN, Origin


@dataclass(frozen=True, slots=True)
class Words:
    """The words that stand behind an option on the command line."""

    words: tuple[str, ...]

    def read(self) -> Any:
        """The words as one plain value in YAML; the text itself where that fails."""
        text = " ".join(self.words)
        try:
            return parse_yaml(text, "command line").plain()
        except ConfigError:
            return text


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and where it was set.

    Attributes
    ----------
    value : dict of str to Entry, list of Entry, Words, or any leaf
    origin : Origin
    keys : dict of str to Origin
        For a mapping: the place of each key.
    """

    value: Any
    origin: Origin
    keys: dict[str, Origin] = field(default_factory=dict)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.value, dict)

    def plain(self) -> Any:
        """The value without origins."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain() if isinstance(entry, Entry) else entry for entry in self.value]
        return self.value

    def at(self, steps: Sequence[str | int]) -> Origin:
        """The origin of what stands inside the value, as deep as it is known."""
        entry = self
        for step in steps:
            in_list = isinstance(step, int) and isinstance(entry.value, list) and step < len(entry.value)
            inside = entry.value[step] if in_list or (isinstance(entry.value, dict) and step in entry.value) else None
            if not isinstance(inside, Entry):
                break
            entry = inside
        return entry.origin


def entry_from_node(node: Node) -> Entry:
    """The tree of a file."""
    origin = _node_origin(node)
    if isinstance(node.value, dict):
        value = {key: entry_from_node(child) for key, child in node.value.items()}
        return Entry(value, origin, {key: _node_origin(child) for key, child in node.key_nodes.items()})
    if isinstance(node.value, list):
        return Entry([entry_from_node(child) for child in node.value], origin)
    return Entry(node.value, origin)


def _node_origin(node: Node) -> Origin:
    return Origin("file", node.file, node.line, node.column, node.text, node.length)


def entry_from_python(value: Any, origin: Origin = PYTHON_ORIGIN) -> Entry:
    """The tree of nested dicts; keys may be dotted paths."""
    if not isinstance(value, Mapping):
        return Entry(value, origin)
    entries: dict[str, Entry] = {}
    for key, item in value.items():
        path = key.split(".") if isinstance(key, str) else [key]
        entry = entry_from_python(item, origin)
        for name in reversed(path[1:]):
            entry = Entry({name: entry}, origin, {name: origin})
        entries[path[0]] = merge(entries[path[0]], entry) if path[0] in entries else entry
    return Entry(entries, origin, dict.fromkeys(entries, origin))


def entry_from_words(options: Sequence[Any]) -> Entry:
    """The tree of a command line: pairs of dotted path and words; of two for one path the later counts.

    A third member is the option as it was typed, for messages.
    """
    root = Entry({}, Origin("command line"))
    for path, words, *typed in options:
        origin = Origin("command line", text=str(typed[0]) if typed else path)
        entry = Entry(Words(tuple(words)), origin)
        for name in reversed(path.split(".")):
            entry = Entry({name: entry}, origin, {name: origin})
        root = merge(root, entry)
    return root


def merge(first: Entry, second: Entry) -> Entry:
    """Two trees of one source as one; leaves of the second replace those of the first."""
    if isinstance(first.value, Words) and second.is_mapping:
        first = entry_from_python(first.value.read(), first.origin)
    if not (first.is_mapping and second.is_mapping):
        return second
    value = dict(first.value)
    for key, entry in second.value.items():
        value[key] = merge(value[key], entry) if key in value else entry
    return Entry(value, first.origin, {**first.keys, **second.keys})

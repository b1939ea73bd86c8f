"""Where options come from: files, texts, the command line, Python; each read into entries with origins."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.base.near_path import near_path
from gammapy_hli.base.yaml_reader import parse_yaml, read_yaml
from gammapy_hli.core.entries import Entry, entry_from_node, entry_from_python, entry_from_words
from gammapy_hli.core.option import InvalidValue, shown
from gammapy_hli.core.scalar_traits import expand_path

CONFIG_VERSION = 1
RESERVED = ("config_version", "extends")


@dataclass(frozen=True)
class FileSource:
    """A YAML or JSON file; the files that it ``extends`` go before it."""

    path: str | os.PathLike[str]


@dataclass(frozen=True)
class TextSource:
    """A YAML text."""

    text: str
    file: str = "<text>"


@dataclass(frozen=True)
class CommandLine:
    """Options of a command line.

    Attributes
    ----------
    options : sequence of (path, words) or (path, words, typed)
        ``typed`` is the option as it was written, without ``--``; by default the path.
    """

    options: Sequence[Any]


@dataclass(frozen=True)
class PythonSource:
    """A nested mapping, keys may be dotted."""

    options: Mapping[str, Any]


@dataclass(frozen=True)
class EntrySource:
    """A tree of entries that keeps the places it came from."""

    entry: Entry


Source = FileSource | TextSource | CommandLine | PythonSource | EntrySource


@dataclass
class Reader:
    """Reads sources into layers, the weakest first; problems are collected."""

    problems: list[Problem] = field(default_factory=list)

    def read(self, sources: Sequence[Source]) -> list[Entry]:
        """The layers of all sources, files that are extended included."""
        layers: list[Entry] = []
        for source in sources:
            if isinstance(source, FileSource):
                layers += self._file(os.fspath(source.path), ())
            elif isinstance(source, TextSource):
                node = parse_yaml(source.text, source.file, self.problems)
                layers += self._layer(entry_from_node(node), ())
            elif isinstance(source, CommandLine):
                layers += self._layer(entry_from_words(source.options), ())
            elif isinstance(source, EntrySource):
                layers += self._layer(source.entry, ())
            else:
                layers += self._layer(entry_from_python(source.options), ())
        return layers

    def _file(self, path: str, above: tuple[str, ...]) -> list[Entry]:
        node = read_yaml(path, self.problems)
        return self._layer(entry_from_node(node), (*above, os.path.realpath(path)))

    def _layer(self, entry: Entry, above: tuple[str, ...]) -> list[Entry]:
        """The entry without the reserved keys, after the files that it extends."""
        if not entry.is_mapping:
            if entry.value is not None:
                message = f"{shown(entry.plain())} is not a configuration; expected sections such as 'selection:'"
                self.problems.append(entry.origin.problem("section", "", message))
            return []
        layers: list[Entry] = []
        if "config_version" in entry.value:
            self._check_version(entry.value["config_version"])
        if "extends" in entry.value:
            layers = self._extended(entry.value["extends"], above)
        rest = {key: child for key, child in entry.value.items() if key not in RESERVED}
        return [*layers, Entry(rest, entry.origin, entry.keys)]

    def _check_version(self, entry: Entry) -> None:
        version = entry.plain()
        if isinstance(getattr(version, "words", None), tuple):
            version = int(version.words[0]) if version.words and version.words[0].isdigit() else version.words
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            message = f"{shown(version)} is not a version; expected a whole number"
            self.problems.append(
                entry.origin.problem("type", "config_version", message, hint=f"write {CONFIG_VERSION}")
            )
        elif version > CONFIG_VERSION:
            message = f"{version} is newer than this program, which knows versions up to {CONFIG_VERSION}"
            hint = "Install a newer gammapy_hli."
            self.problems.append(entry.origin.problem("version", "config_version", message, hint=hint))

    def _extended(self, entry: Entry, above: tuple[str, ...]) -> list[Entry]:
        listed = entry.value if isinstance(entry.value, list) else [entry]
        layers: list[Entry] = []
        for item in listed:
            name = item.plain() if isinstance(item, Entry) else item
            origin = item.origin if isinstance(item, Entry) else entry.origin
            if name is None:
                continue
            if not isinstance(name, str):
                message = f"{shown(name)} is not the name of a file"
                self.problems.append(origin.problem("type", "extends", message, hint="write extends: [site.yaml]"))
                continue
            try:
                path = os.fspath(expand_path(name, origin.folder))
            except InvalidValue as error:
                self.problems.append(origin.problem(error.code, "extends", error.message, hint=error.hint))
                continue
            if os.path.realpath(path) in above:
                message = f"'{name}' extends itself, over {' -> '.join(Path(step).name for step in above)}"
                self.problems.append(origin.problem("extends-loop", "extends", message))
            elif not os.path.isfile(path):
                message = f"file not found: {path}"
                self.problems.append(origin.problem("file-missing", "extends", message, hint=near_path(path)))
            else:
                layers += self._file(path, above)
        return layers

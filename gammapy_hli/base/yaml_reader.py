"""The strict YAML reader: every value with its place, no magic, and every mistake located.

PyYAML's parser gives events with marks (the C one where it is built in); scalars follow a short table of their own in
the style of YAML 1.2: decimal numbers, ``true false``, ``null ~``; all else is text. JSON is read by the same code.
Nothing in a file is ever executed, and what it can make us build is bounded in size, depth and number of copies.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from gammapy_hli.base.errors import ConfigError, Problem
from gammapy_hli.base.near_path import near_path

MAX_BYTES = 10_000_000
MAX_DEPTH = 100
MAX_COPIES = 10_000  # values that aliases may add to a file
_MAX_DIGITS = 400

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # those that the parser counts
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # same events and marks, ten times faster where it is built


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the place where it stands.

    Attributes
    ----------
    value : None, bool, int, float, str, list of Node, dict of str to Node
    file : str
    line, column : int
        Where the value begins, counted from 1.
    text : str
        The source line, for messages.
    raw : str, optional
        A scalar as it is written, without quotes; None for lists and mappings.
    length : int
        Characters of a scalar on its first line, for the carets of messages.
    key_nodes : dict of str to Node
        For a mapping: the place of each key.
    """

    value: Any
    file: str
    line: int
    column: int
    text: str = ""
    raw: str | None = None
    length: int = 1
    key_nodes: "dict[str, Node]" = field(default_factory=dict)

    def plain(self) -> Any:
        """The value in plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def problem(self, code: str, message: str, *, path: str = "", hint: str | None = None, **more: Any) -> Problem:
        """A `Problem` at this place."""
        place = {"file": self.file, "line": self.line, "column": self.column, "text": self.text, "length": self.length}
        return Problem(code=code, path=path, message=message, hint=hint, **{**place, **more})


def read_yaml(path: str | os.PathLike[str], problems: list[Problem] | None = None) -> Node:
    """Read a YAML or JSON file.

    Parameters
    ----------
    path : path
        The file; its name as given is what messages show.
    problems : list of Problem, optional
        Where given, problems are appended to it and what could be read is returned; otherwise they are raised.

    Returns
    -------
    Node
        The content; the value None for an empty file.

    Raises
    ------
    ConfigError
        The file is missing, too large, binary, not UTF-8, or not strict YAML; with all problems that were found.
    """
    name = os.fspath(path)
    try:
        text = _read_text(name)
    except ConfigError as error:
        return _hand_over(error.problems, problems, _empty(name))
    return parse_yaml(text, name, problems)


def parse_yaml(text: str, file: str = "<text>", problems: list[Problem] | None = None) -> Node:
    """Parse a YAML or JSON text; see `read_yaml`.

    >>> parse_yaml("obs_ids: [023523]\\nlat: 22:00:52").plain()
    {'obs_ids': [23523], 'lat': '22:00:52'}
    """
    builder = _Builder(text.removeprefix("\ufeff"), file)
    node = builder.build()
    return _hand_over(builder.problems, problems, node)


def scalar_value(text: str) -> bool | int | float | str | None:
    """The value of a plain (unquoted) scalar: the whole table of types.

    >>> [scalar_value(text) for text in ("1e-12", "023523", "22:00:52", "yes", "~", "2020-01-01", "0x1F", "1_000")]
    [1e-12, 23523, '22:00:52', 'yes', None, '2020-01-01', '0x1F', '1_000']
    """
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else text
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _hand_over(found: Any, problems: list[Problem] | None, node: Node) -> Node:
    if problems is not None:
        problems.extend(found)
    elif found:
        raise ConfigError(found)
    return node


def _empty(file: str) -> Node:
    return Node(None, file, 1, 1)


def _read_text(name: str) -> str:
    """The text of a file, read no further than the limit of size; every failure is a located ConfigError."""
    try:
        with open(name, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        message = f"file not found: {_full(name)}"
        raise ConfigError(Problem("file-missing", "", message, file=name, hint=near_path(name))) from None
    except IsADirectoryError:
        message = "is a folder; expected a YAML or JSON file"
        raise ConfigError(Problem("file-unreadable", "", message, file=name)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(Problem("file-unreadable", "", f"cannot be read: {reason}", file=name)) from None
    if len(data) > MAX_BYTES:
        message = (
            f"is larger than {MAX_BYTES // 1_000_000} MB; a configuration is text of a few kB, is this the right file?"
        )
        raise ConfigError(Problem("file-too-large", "", message, file=name))
    if b"\0" in data:
        message = "is a binary file; expected text in YAML or JSON"
        raise ConfigError(Problem("file-binary", "", message, file=name))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        problem = Problem("file-encoding", "", message, file=name, line=line, column=column)
        raise ConfigError(problem) from None


def _full(name: str) -> str:
    return name if os.path.isabs(name) else f"{name} (in {os.getcwd()})"


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    node: Node
    anchor: str | None
    key: Node | None = None
    has_key: bool = False
    duplicate: bool = False


class _Builder:
    """Turns the events of the parser into Nodes, without recursion, and collects problems on the way."""

    def __init__(self, text: str, file: str):
        self.text = text
        self.file = file
        self.lines = _LINE_BREAK.split(text)
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}  # None while the value is still open
        self.measures: dict[int, tuple[int, int]] = {}  # by id of nodes, which self.measured keeps alive
        self.measured: list[Node] = []
        self.copies = 0
        self.n_documents = 0

    def build(self) -> Node:
        try:
            for event in self._events():
                if not self._take(event):
                    break
        except yaml.MarkedYAMLError as error:
            self._syntax_problem(error)
        except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
            self._character_problem(error)
        return self.root if self.root is not None and not self.stack else _empty(self.file)

    def _events(self) -> Iterator[Any]:
        return iter(yaml.parse(self.text, Loader=_LOADER))

    def _take(self, event: Any) -> bool:
        """Use one event; False where reading cannot go on."""
        if isinstance(event, yaml.DocumentStartEvent):
            return self._start_document(event)
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event)
            self._add(self._scalar(event), event.anchor)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            return self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = self.stack.pop()
            self._add(done.node, done.anchor)
        elif isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        return True

    def _start_document(self, event: Any) -> bool:
        self.n_documents += 1
        if self.n_documents == 1:
            return True
        self._report(
            "several-documents", "a second document begins here; expected one", self._mark(event), "Remove '---'."
        )
        return False

    def _open(self, event: Any) -> bool:
        self._check_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            return self._give_up("too-deep", f"more than {MAX_DEPTH} levels of nesting", self._mark(event))
        empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(self._node(event, empty), event.anchor))
        return True

    def _alias(self, event: Any) -> bool:
        place = self._mark(event)
        if event.anchor not in self.anchors:
            self._report("unknown-alias", f"'*{event.anchor}' has no anchor '&{event.anchor}' before it", place)
            self._add(place, None)
            return True
        node = self.anchors[event.anchor]
        if node is None:
            self._report("alias-loop", f"'*{event.anchor}' stands inside its own anchor", place)
            self._add(place, None)
            return True
        size, depth = self._measure(node)
        self.copies += size
        if self.copies > MAX_COPIES:
            message = f"aliases expand to more than {MAX_COPIES} values"
            return self._give_up("alias-bomb", message, place, "Write the values out.")
        if len(self.stack) + depth > MAX_DEPTH:
            return self._give_up("too-deep", f"more than {MAX_DEPTH} levels of nesting", place)
        self._add(node, None)
        return True

    def _give_up(self, code: str, message: str, node: Node, hint: str | None = None) -> bool:
        self._report(code, message, node, hint)
        self.stack.clear()
        self.root = None
        return False

    def _measure(self, node: Node) -> tuple[int, int]:
        """Number of values in a node, copies included, and levels of nesting; each node is measured once."""
        known = self.measures.get(id(node))
        if known is not None:
            return known
        size, depth = 1, 0
        if isinstance(node.value, dict | list):
            children = node.value.values() if isinstance(node.value, dict) else node.value
            for child_size, child_depth in map(self._measure, children):
                size += child_size
                depth = max(depth, child_depth)
            depth += 1
        self.measures[id(node)] = (size, depth)
        self.measured.append(node)
        return size, depth

    def _add(self, node: Node, anchor: str | None) -> None:
        """Put a finished value where it belongs."""
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif not parent.has_key:
            parent.key, parent.has_key = self._key(node, parent.node), True
        else:
            if parent.key is not None:
                parent.node.value[parent.key.value] = node
                parent.node.key_nodes[parent.key.value] = parent.key
            parent.key, parent.has_key = None, False

    def _key(self, node: Node, mapping: Node) -> Node | None:
        """The node where it can be a key; None, with a problem reported, where it cannot."""
        if isinstance(node.value, dict | list):
            self._report("key-not-text", "a list or mapping cannot be a key; expected text", node)
        elif not isinstance(node.value, str):
            message = f"key {node.raw or 'null'} is not text" if node.raw != "" else "a key is empty; expected text"
            self._report("key-not-text", message, node, f'Put it in quotes: "{node.raw}": ...' if node.raw else None)
        elif node.value == "<<" and node.raw == "<<":
            self._report(
                "merge-key", "merge keys '<<' are not supported", node, "Use extends, or write the options out."
            )
        elif node.value in mapping.value:
            first = mapping.key_nodes[node.value]
            message = f"key '{node.value}' stands twice; first at line {first.line}, column {first.column}"
            self._report("duplicate-key", message, node, "Keep one of them.")
        else:
            return node
        return None

    def _scalar(self, event: Any) -> Node:
        is_plain = event.style in (None, "") and event.implicit[0]
        value = scalar_value(event.value) if is_plain else event.value
        node = self._node(event, value, raw=event.value)
        if is_plain and isinstance(value, str) and _INT.fullmatch(value):
            self._report("number-too-long", f"a number of {len(value)} digits; at most {_MAX_DIGITS}", node)
        return node

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None:
            hint = "Remove it; write text in quotes."
            self._report("tag", f"tag '{event.tag}' is not allowed", self._mark(event), hint)

    def _mark(self, event: Any) -> Node:
        return self._node(event, None)

    def _node(self, event: Any, value: Any, raw: str | None = None) -> Node:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else len(self._line(start.line)) - start.column
        return Node(
            value, self.file, start.line + 1, start.column + 1, self._line(start.line), raw=raw, length=max(1, length)
        )

    def _line(self, number: int) -> str:
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def _report(self, code: str, message: str, node: Node, hint: str | None = None) -> None:
        self.problems.append(node.problem(code, message, hint=hint))

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        self.root = None
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        source = self._line(line)
        words, hint = _explain(error, source, column)
        node = Node(None, self.file, line + 1, column + 1, source)
        self._report("yaml-syntax", words, node, hint)

    def _character_problem(self, error: Any) -> None:
        """A control character, which YAML forbids; the parser tells its position in characters or in bytes."""
        self.root = None
        match = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]", self.text)
        position = match.start() if match else 0
        before = _LINE_BREAK.split(self.text[:position])
        character = match.group() if match else chr(getattr(error, "character", 0) or 0)
        node = Node(None, self.file, len(before), len(before[-1]) + 1)
        self._report(
            "control-character", f"character U+{ord(character):04X} is not allowed in YAML", node, "Remove it."
        )


def _explain(error: yaml.MarkedYAMLError, source: str, column: int) -> tuple[str, str | None]:
    """The parser's complaint in words that say what to do."""
    words = f"not valid YAML: {error.problem or error.context or 'syntax error'}"
    before = source[: column + 1]
    if "\t" in before and not before.strip():
        return "a tab is used for indentation", "Use blanks."
    if error.problem and "mapping values are not allowed" in error.problem:
        return words, "Put text that contains ': ' in quotes, and check the indentation."
    if error.problem and "cannot start any token" in error.problem and source[column : column + 1] in "%@`":
        return words, f"Put text that begins with '{source[column : column + 1]}' in quotes."
    if error.problem and "expected <block end>" in error.problem:
        return words, "Check the indentation of this line and of the lines above."
    if error.context and ("flow sequence" in error.context or "flow mapping" in error.context):
        opened = error.context_mark
        where = f" opened at line {opened.line + 1}, column {opened.column + 1}" if opened is not None else ""
        return f"{words}, in the bracket{where}", "Close the bracket or add a comma."
    return words, None

"""Traits that hold several values: List, Mapping, and Plain for values whose shape somebody else checks."""

import math
import numbers
import os
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from gammapy_hli.base.counted import counted
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.core.option import NOT_GIVEN, InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin


class List(Option):
    """A list of values of one trait; a tuple in Python, so that every change is an assignment.

    Parameters
    ----------
    item : Option
        The trait of each value.
    default : sequence, optional
    length : int, optional
        Number of values, where it is fixed.
    min_length : int
        Smallest number of values.
    unique : bool
        Whether no value may occur twice.
    **metadata
        As for `Option`.
    """

    is_list = True

    def __init__(
        self,
        item: Option,
        default: Any = NOT_GIVEN,
        *,
        length: int | None = None,
        min_length: int = 0,
        unique: bool = False,
        **metadata: Any,
    ):
        self.item = item
        self.length = length
        self.min_length = min_length if length is None else length
        self.unique = unique
        super().__init__(default, **metadata)

    def check_value(self, raw: Any) -> list[Any]:
        if hasattr(raw, "tolist") and not hasattr(raw, "unit") and getattr(raw, "ndim", 0) == 1:
            raw = raw.tolist()
        if not isinstance(raw, list | tuple | range | set | frozenset):
            raise InvalidValue(f"{shown(raw)} is not a list", self._list_hint(raw), "list")
        stored = []
        for number, item in enumerate(raw):
            try:
                stored.append(self.item.check(item))
            except InvalidValue as error:
                raise error.inside(number) from None
        self.check_items(stored)
        return stored

    def check_items(self, stored: list[Any]) -> None:
        """InvalidValue where the list as a whole cannot be."""
        if self.length is not None and len(stored) != self.length:
            raise InvalidValue(f"{counted(len(stored), 'value')}; expected {self.expected()}", code="length")
        if len(stored) < self.min_length:
            raise InvalidValue(f"{counted(len(stored), 'value')}; expected at least {self.min_length}", code="length")
        keys = [self.item.key(item) for item in stored]
        twice = [item for number, item in enumerate(stored) if keys[number] in keys[:number]]
        if self.unique and twice:
            raise InvalidValue(f"{shown(twice[0])} stands twice", "keep one of them", "twice")

    def check_words(self, words: Sequence[str]) -> Any:
        if len(words) == 1:
            word = words[0].strip()
            if word == "null" and self.allow_none:
                return None
            is_mapping = word.startswith("{") and self.length not in (None, 1)
            if word.startswith("[") or is_mapping:
                return self.check(self.read_word(word))
        return self.check([self.item.read_word(word) for word in words])

    def make(self, stored: list[Any], origin: Origin | None) -> tuple[Any, ...]:
        return tuple(self.item.value(item, origin) for item in stored)

    def key(self, stored: Any) -> Any:
        return None if stored is None else [self.item.key(item) for item in stored]

    def expected(self) -> str:
        count = f"{self.length} values" if self.length is not None else "values"
        return f"a list of {count}, each {self.item.expected()}"

    def value_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.min_length:
            schema["minItems"] = self.min_length
        if self.length is not None:
            schema["maxItems"] = self.length
        if self.unique:
            schema["uniqueItems"] = True
        return schema

    def _list_hint(self, raw: Any) -> str:
        is_named = isinstance(raw, AbstractMapping) and len(raw) == self.length  # {min: 1 TeV, max: 2 TeV}
        try:
            return f"write {self.to_text(self.check(list(raw.values())) if is_named else [raw])}"
        except (InvalidValue, TypeError, AttributeError):
            return f"expected {self.expected()}"


class Mapping(Option):
    """A mapping that is one value, from any name to values of one trait; read-only in Python.

    Parameters
    ----------
    item : Option
        The trait of each value.
    default : mapping, optional
    keys : sequence of str, optional
        The keys that may occur; any where not given.
    **metadata
        As for `Option`.
    """

    def __init__(self, item: Option, default: Any = NOT_GIVEN, *, keys: Sequence[str] | None = None, **metadata: Any):
        self.item = item
        self.keys = None if keys is None else tuple(keys)
        super().__init__(default, **metadata)

    def check_value(self, raw: Any) -> dict[str, Any]:
        if not isinstance(raw, AbstractMapping):
            raise InvalidValue(*_no_mapping(raw), "mapping")
        stored = {}
        for key, item in raw.items():
            if not isinstance(key, str):
                raise InvalidValue(f"key {shown(key)} is not text", f'put it in quotes: "{key}": ...', "type")
            if self.keys is not None:
                check_key(key, self.keys)
            try:
                stored[key] = self.item.check(item)
            except InvalidValue as error:
                raise error.inside(key) from None
        return stored

    def make(self, stored: dict[str, Any], origin: Origin | None) -> AbstractMapping[str, Any]:
        return MappingProxyType({key: self.item.value(item, origin) for key, item in stored.items()})

    def key(self, stored: Any) -> Any:
        return None if stored is None else {key: self.item.key(item) for key, item in stored.items()}

    def expected(self) -> str:
        return f"a mapping, each value {self.item.expected()}"

    def value_schema(self) -> dict[str, Any]:
        if self.keys is None:
            return {"type": "object", "additionalProperties": self.item.schema()}
        properties = {key: self.item.schema() for key in self.keys}
        return {"type": "object", "properties": properties, "additionalProperties": False}


class Plain(Option):
    """Any plain value: text, number, list, mapping. The component that has it looks at its shape in ``check``."""

    kind = "any plain value"

    def check_value(self, raw: Any) -> Any:
        return plain_value(raw)


class OneOrMore(List):
    """One value, or a list of them; a single value stays as it is written, Python always gets a tuple."""

    def check_value(self, raw: Any) -> Any:
        if isinstance(raw, list | tuple):
            return super().check_value(raw)
        return self.item.check(raw)

    def make(self, stored: Any, origin: Origin | None) -> tuple[Any, ...]:
        return super().make(stored if isinstance(stored, list) else [stored], origin)

    def key(self, stored: Any) -> Any:
        return super().key(stored if stored is None or isinstance(stored, list) else [stored])

    def check_words(self, words: Sequence[str]) -> Any:
        if len(words) == 1 and not words[0].lstrip().startswith("["):
            return self.check(self.item.read_word(words[0]))
        return super().check_words(words)

    def expected(self) -> str:
        return f"{self.item.expected()}, or a list of these"

    def value_schema(self) -> dict[str, Any]:
        return {"anyOf": [self.item.schema(), super().value_schema()]}


def plain_value(raw: Any) -> Any:
    """A copy in plain dicts, lists and scalars; InvalidValue for anything else, nan and inf included."""
    if raw is None or isinstance(raw, bool | str):
        return raw
    if isinstance(raw, numbers.Integral):
        return int(raw)
    if isinstance(raw, numbers.Real):
        if not math.isfinite(raw):
            raise InvalidValue(f"{raw} is not a finite number", code="finite")
        return float(raw)
    if isinstance(raw, AbstractMapping):
        if any(not isinstance(key, str) for key in raw):
            raise InvalidValue("a key is not text", "put keys in quotes", "type")
        return {key: plain_value(item) for key, item in raw.items()}
    if isinstance(raw, list | tuple):
        return [plain_value(item) for item in raw]
    if isinstance(raw, os.PathLike):
        return os.fspath(raw)
    raise InvalidValue(f"{type(raw).__name__} is not a plain value", "give text, numbers, lists or mappings", "type")


def _no_mapping(raw: Any) -> tuple[str, str | None]:
    """What is wrong with a value that is no mapping, and a hint; of a word like one what the YAML reader says."""
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        try:
            parse_yaml(raw, "command line")
        except ConfigError as error:
            problem = error.problems[0]
            return f"{shown(raw)}: {problem.message}", problem.hint
    return f"{shown(raw)} is not a mapping", "write {key: value}"


def check_key(key: str, allowed: Sequence[str]) -> None:
    """InvalidValue where a mapping value has a key that it cannot have, with a suggestion."""
    if key not in allowed:
        raise InvalidValue(
            f"unknown key '{key}'.{did_you_mean(key, allowed)} Allowed: {', '.join(allowed)}",
            None,
            "unknown-key",
            (key,),
        )

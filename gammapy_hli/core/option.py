"""The base of all traits: an option with default, unit, allowed values and help, made strict.

One validation (`Option.check`) serves YAML, the command line and assignment in Python. It turns what was given into the
canonical plain form (text, numbers, lists, mappings), which is stored, compared and written; `Option.value` makes the
object that Python code works with from it, when it is first used.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from traitlets import TraitError, TraitType

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import freeze, plain_text

Level = Literal["basic", "all"]


class _NotGiven:
    def __repr__(self) -> str:
        return "not given"


NOT_GIVEN = _NotGiven()


class InvalidValue(ValueError):
    """A value that an option cannot take.

    Parameters
    ----------
    message : str
        What was got and what is expected.
    hint : str, optional
        What to write instead.
    code : str
        Short stable name of the kind of mistake.
    at : tuple of str or int
        Where inside a list or mapping value it stands.
    """

    def __init__(self, message: str, hint: str | None = None, code: str = "value", at: tuple[str | int, ...] = ()):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.at = at

    def inside(self, key: str | int) -> "InvalidValue":
        """The same mistake, seen from the list or mapping that holds the value."""
        return InvalidValue(self.message, self.hint, self.code, (key, *self.at))

    def __str__(self) -> str:
        return f"{self.message}{'; ' + self.hint if self.hint else ''}"


class OptionError(ConfigError, TraitError):
    """A value assigned in Python that an option cannot take, or an option that is frozen."""


class UnknownOptionError(ConfigError, AttributeError):
    """A name that a component does not have, with a suggestion."""


class Option(TraitType[Any, Any]):
    """A typed option of a `Component`.

    Parameters
    ----------
    default : object, optional
        In any form that the trait accepts; it is parsed when first used. Without one the option is required: its value
        is None until somebody sets it.
    help : str
        What it does, in one sentence; classes refuse an option without.
    unit : str, optional
        Unit that values must convert to.
    min, max : number or text, optional
        Smallest and largest value that is allowed.
    above, below : number or text, optional
        As min and max, the bound itself not allowed.
    allow_none : bool, optional
        Whether null is a value; by default it is where the default is None.
    level : {"basic", "all"}
        Whether the everyday help and template show it.
    internal : bool
        Not for users: in no file, help or schema.
    affects_result : bool
        Whether products depend on it.
    group : str, optional
        Name of a choice group: of its options only one is set, the one that was set last.
    """

    kind: ClassVar[str] = "value"
    is_list: ClassVar[bool] = False

    def __init__(
        self,
        default: Any = NOT_GIVEN,
        *,
        help: str = "",
        unit: str | None = None,
        min: Any = None,
        max: Any = None,
        above: Any = None,
        below: Any = None,
        allow_none: bool | None = None,
        level: Level = "all",
        internal: bool = False,
        affects_result: bool = True,
        group: str | None = None,
    ):
        self.required = default is NOT_GIVEN
        self.default_raw = None if self.required else default
        self.unit = unit
        self.min, self.max, self.above, self.below = min, max, above, below
        self.level, self.internal, self.affects_result, self.group = level, internal, affects_result, group
        nullable = (default is None) if allow_none is None else allow_none
        TraitType.__init__(self, None, allow_none=nullable, help=" ".join(help.split()))
        self.tag(config=not internal)

    # -- the forms of a value ------------------------------------------------------------------------------------

    def check(self, raw: Any) -> Any:
        """The canonical plain form of a value given in any allowed form; InvalidValue where there is none."""
        if raw is None:
            if self.allow_none or (self.required and self.name):
                return None
            raise InvalidValue("null is not allowed", f"expected {self.expected()}", "null")
        return self.check_value(raw)

    def check_value(self, raw: Any) -> Any:
        """As `check`, for what is not None; each trait defines it."""
        return raw

    def check_words(self, words: Sequence[str]) -> Any:
        """The canonical form of what stands behind an option on the command line."""
        if len(words) != 1:
            got = "nothing" if not words else " ".join(words)
            hint = f'Put it in quotes: "{got}".' if len(words) > 1 else None
            raise InvalidValue(f"got {got}; expected one value: {self.expected()}", hint, "words")
        return self.check(self.read_word(words[0]))

    def read_word(self, word: str) -> Any:
        """One word of the command line as a plain value, by the rules of the YAML reader."""
        try:
            return parse_yaml(word, "command line").plain()
        except ConfigError:
            return word

    def value(self, stored: Any, origin: Origin | None = None) -> Any:
        """The object that Python code works with, made from the canonical form."""
        return None if stored is None else self.make(stored, origin)

    def make(self, stored: Any, origin: Origin | None) -> Any:
        """As `value`, for what is not None."""
        return freeze(stored)

    def parse(self, raw: Any) -> Any:
        """Check a value in any allowed form and make the object: ``value(check(raw))``."""
        return self.value(self.check(raw))

    def to_text(self, raw: Any) -> str:
        """The canonical text, one line of YAML, of a value in any allowed form."""
        return plain_text(self.check(raw))

    def key(self, stored: Any) -> Any:
        """What decides whether two values are the same setting: plain, units converted."""
        return stored

    # -- what is told about it -----------------------------------------------------------------------------------

    def expected(self) -> str:
        """A few words on what is expected, with unit and range."""
        return self.kind + self.range_text()

    def range_text(self) -> str:
        """The bounds in words, with a comma before them."""
        signs = ((">=", self.min), (">", self.above), ("<=", self.max), ("<", self.below))
        return "".join(f", {sign} {bound}" for sign, bound in signs if bound is not None)

    def describe(self, default: Any = NOT_GIVEN) -> str:
        """One line: what is expected and the default."""
        if default is NOT_GIVEN:
            default = self.default_raw
        words = self.expected()
        if self.required and default is None:
            return f"{words}; required"
        return f"{words}; default {self.to_text(default) if default is not None else 'null'}"

    def schema(self) -> dict[str, Any]:
        """JSON schema of the values that `check` accepts."""
        schema = self.value_schema()
        if self.allow_none or self.required:
            return {"anyOf": [schema, {"type": "null"}]}
        return schema

    def value_schema(self) -> dict[str, Any]:
        """As `schema`, without null."""
        return {}

    # -- traitlets -----------------------------------------------------------------------------------------------

    def info(self) -> str:
        return self.expected()

    def subclass_init(self, cls: type[Any]) -> None:
        """Nothing: defaults are asked from the component, which may have its own."""

    def get(self, obj: Any, cls: type[Any] | None = None) -> Any:
        """The value in use, made from the canonical form when first asked for."""
        return obj.option_value(self.name)

    def set(self, obj: Any, value: Any) -> None:
        """Check a value and record it with the origin Python."""
        obj.assign_from_python(self.name, value)


def shown(raw: Any) -> str:
    """A value as it is quoted in messages, shortened."""
    text = f"'{raw}'" if isinstance(raw, str) else plain_or_repr(raw)
    return text if len(text) <= 80 else text[:77] + "..."


def plain_or_repr(raw: Any) -> str:
    """YAML text of a plain value, repr of everything else."""
    if raw is None or isinstance(raw, bool | int | float | dict | list | tuple):
        try:
            return plain_text(raw)
        except (TypeError, AttributeError, ValueError):
            return repr(raw)
    return repr(raw)

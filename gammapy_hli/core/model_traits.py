"""The trait of a model parameter: a value with its bounds, whether a fit may move it, a prior, a link."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gammapy_hli.core.container_traits import check_key, plain_value
from gammapy_hli.core.option import NOT_GIVEN, InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import format_number
from gammapy_hli.core.quantity_traits import number_in, quantity_schema, split_quantity
from gammapy_hli.core.units import unit_name

KEYS = ("value", "unit", "min", "max", "frozen", "error", "prior", "link")


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A model parameter as it is set; None where the model's own default holds.

    Attributes
    ----------
    value, min, max, error : float, optional
        In `unit`.
    unit : str
        Unit of the model's parameter.
    frozen : bool, optional
    prior : dict, optional
        ``{gauss: {mean, sigma}}``, ``{uniform: {min, max}}`` or ``{log_uniform: {min, max}}``, numbers in `unit`.
    link : str, optional
        Name of the parameter that it follows.
    """

    value: float | None
    unit: str = ""
    min: float | None = None
    max: float | None = None
    frozen: bool | None = None
    error: float | None = None
    prior: Any = None
    link: str | None = None


class ModelParameter(Option):
    """A model parameter: ``2.3``, ``3e-11 cm-2 s-1 TeV-1`` or ``{value, unit, min, max, frozen, error, prior, link}``.

    Parameters
    ----------
    default : number or text
        As in a file; nan stands for null.
    unit : str
        Unit of the model's parameter; '' for a pure number.
    frozen : bool
        What holds where nothing is said.
    least : float
        Least value that can be set, in `unit`; nan for none. It is no bound of a fit.
    **metadata
        As for `Option`.
    """

    def __init__(
        self,
        default: Any = NOT_GIVEN,
        *,
        unit: str = "",
        frozen: bool = False,
        least: float = math.nan,
        **metadata: Any,
    ):
        if str(default).split(" ")[0] == "nan":
            default = None  # tables of models write nan where a parameter is not there unless it is set
        super().__init__(default, unit=unit, **metadata)
        self.unit: str = unit
        self.frozen = frozen
        self.least = least

    def check_value(self, raw: Any) -> Any:
        if isinstance(raw, ParameterValue):
            raw = {key: getattr(raw, key) for key in KEYS if getattr(raw, key) is not None}
        if not isinstance(raw, Mapping):
            return self._check_least(self._check_number(raw))
        for key in raw:
            check_key(str(key), KEYS)
        given = raw.get("unit", "")
        stored: dict[str, Any] = {}
        for key in KEYS:
            if key in raw and key != "unit":
                try:
                    stored[key] = self._check_field(key, raw[key], given)
                except InvalidValue as error:
                    raise error.inside(key) from None
        if "value" in stored:
            try:
                self._check_least(stored["value"])
            except InvalidValue as error:
                raise error.inside("value") from None
        self._check_order(stored)
        return stored["value"] if set(stored) == {"value"} else stored

    def _check_least(self, stored: Any) -> Any:
        """The value, unless it is below the least one."""
        number = self._number(stored)
        if number is not None and number < self.least:
            raise InvalidValue(f"{shown(stored)} is below {f'{self.least:g} {self.unit}'.rstrip()}", code="range")
        return stored

    def _check_number(self, raw: Any) -> Any:
        number, unit = split_quantity(raw, self.unit)
        return f"{format_number(number)} {unit}" if unit else number

    def _check_field(self, key: str, raw: Any, unit: str) -> Any:
        if key in ("min", "max", "error") and (raw is None or (isinstance(raw, numbers.Real) and math.isnan(raw))):
            return None
        if key in ("value", "min", "max", "error"):
            is_bare = isinstance(raw, int | float) and not isinstance(raw, bool)
            return self._check_number({"value": raw, "unit": unit} if is_bare and unit else raw)
        if key == "frozen":
            if not isinstance(raw, bool):
                raise InvalidValue(f"{shown(raw)} is not true or false", code="type")
            return raw
        if key == "link":
            if raw is not None and not isinstance(raw, str):
                raise InvalidValue(
                    f"{shown(raw)} is not the name of a parameter", "write e.g. crab.spectral.index", "type"
                )
            return raw
        return _check_prior(raw, self.unit)

    def _check_order(self, stored: Mapping[str, Any]) -> None:
        low, value, high = (self._number(stored.get(key)) for key in ("min", "value", "max"))
        if low is not None and high is not None and low > high:
            raise InvalidValue(f"min {shown(stored['min'])} is above max {shown(stored['max'])}", code="order")
        if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            bounds = " and ".join(f"{key} {stored[key]}" for key in ("min", "max") if stored.get(key) is not None)
            raise InvalidValue(f"value {shown(stored['value'])} does not fit {bounds}", code="range")
        for kind, numbers_ in (stored.get("prior") or {}).items():
            least, most = (self._number(numbers_.get(key)) for key in ("min", "max"))
            if value is not None and least is not None and most is not None and not least <= value <= most:
                ends = f"{shown(numbers_['min'])} to {shown(numbers_['max'])}"
                raise InvalidValue(
                    f"value {shown(stored['value'])} lies outside of its {kind} prior, {ends}", code="range"
                )

    def _number(self, stored: Any) -> float | None:
        return None if stored is None else number_in(stored, self.unit)

    def read_word(self, word: str) -> Any:
        return super().read_word(word) if word.lstrip().startswith("{") or word == "null" else word

    def make(self, stored: Any, origin: Origin | None) -> ParameterValue:
        fields = dict(stored) if isinstance(stored, Mapping) else {"value": stored}
        in_unit: dict[str, Any] = {key: self._number(fields.get(key)) for key in ("value", "min", "max", "error")}
        rest = {key: fields.get(key) for key in ("frozen", "link")}
        return ParameterValue(unit=self.unit, prior=self._prior_in_unit(fields.get("prior")), **in_unit, **rest)

    def _prior_in_unit(self, prior: Any) -> Any:
        """The numbers of a prior in the unit of the parameter."""
        if prior is None:
            return None
        return {kind: {key: self._number(number) for key, number in values.items()} for kind, values in prior.items()}

    def key(self, stored: Any) -> Any:
        if not isinstance(stored, Mapping):
            return self._number(stored)
        numbers_ = ("value", "min", "max", "error")
        plain = {key: self._number(v) if key in numbers_ else v for key, v in stored.items()}
        return {**plain, "prior": self._prior_in_unit(plain["prior"])} if "prior" in plain else plain

    def expected(self) -> str:
        words = f"a parameter in {unit_name(self.unit)}" if self.unit else "a parameter, a pure number"
        return f"{words}{', frozen' if self.frozen else ''}"

    def value_schema(self) -> dict[str, Any]:
        quantity = quantity_schema(self.unit)["anyOf"]
        number = {"anyOf": [{"type": "number"}, *quantity]}
        nullable = {"anyOf": [{"type": "number"}, {"type": "null"}, *quantity]}
        properties = {
            "value": number,
            "unit": {"type": "string"},
            "min": nullable,
            "max": nullable,
            "error": nullable,
            "frozen": {"type": "boolean"},
            "prior": {"anyOf": [prior_schema(self.unit), {"type": "null"}]},
            "link": {"type": ["string", "null"]},
        }
        mapping = {"type": "object", "properties": properties, "additionalProperties": False}
        texts = [item for item in quantity if item.get("type") != "object"]
        return {"anyOf": [*texts, mapping]}


_PRIORS = {"gauss": ("mean", "sigma"), "uniform": ("min", "max"), "log_uniform": ("min", "max")}


def _check_prior(raw: Any, unit: str = "") -> Any:
    """``{gauss: {mean, sigma}}``, ``{uniform: {min, max}}`` or ``{log_uniform: {min, max}}``; numbers with the unit."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise InvalidValue(f"{shown(raw)} is not a prior", "write {gauss: {mean: 0, sigma: 0.1}}", "type")
    ((kind, values),) = raw.items()
    check_key(str(kind), tuple(_PRIORS))
    keys = _PRIORS[kind]
    for name in values if isinstance(values, Mapping) else ():
        try:
            check_key(str(name), keys)
        except InvalidValue as error:
            raise error.inside(kind) from None
    if not isinstance(values, Mapping) or set(values) != set(keys):
        raise InvalidValue(f"{shown(values)}: a {kind} prior has {' and '.join(keys)}", None, "missing", (kind,))
    stored = {}
    for key in keys:
        try:
            stored[key] = _prior_number(values[key], unit)
        except InvalidValue as error:
            raise error.inside(key).inside(kind) from None
    one, two = (number_in(stored[key], unit) for key in keys)
    if kind == "gauss" and two <= 0:
        raise InvalidValue(f"sigma {shown(values['sigma'])} is not positive", None, "range", (kind, "sigma"))
    if kind != "gauss" and one >= two:
        raise InvalidValue(
            f"min {shown(values['min'])} is not below max {shown(values['max'])}", None, "order", (kind,)
        )
    if kind == "log_uniform" and one <= 0:
        raise InvalidValue(
            f"min {shown(values['min'])} is not positive, which the logarithm needs", None, "range", (kind, "min")
        )
    return {kind: stored}


def _prior_number(raw: Any, unit: str) -> Any:
    """A number of a prior, with the unit of its parameter unless it is 0."""
    if raw == 0 and not isinstance(raw, bool):
        return f"0 {unit}".rstrip() if unit else plain_value(raw)
    if not unit:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
            raise InvalidValue(f"{shown(raw)} is not a number", None, "type")
        return plain_value(raw)
    number, own = split_quantity(raw, unit)
    return f"{format_number(number)} {own}" if own else number


def prior_schema(unit: str) -> dict[str, Any]:
    """JSON schema of a prior on a parameter with a unit."""
    number = {"anyOf": [{"type": "number"}, *quantity_schema(unit)["anyOf"]]} if unit else {"type": "number"}

    def shape(keys: tuple[str, ...]) -> dict[str, Any]:
        fields = dict.fromkeys(keys, number)
        return {"type": "object", "properties": fields, "required": list(keys), "additionalProperties": False}

    return {
        "type": "object",
        "properties": {kind: shape(keys) for kind, keys in _PRIORS.items()},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


class Prior(Option):
    """A prior of a pure number as a value of its own: ``{gauss: {mean: 0, sigma: 0.15}}``."""

    kind = "a prior such as {gauss: {mean: 0, sigma: 0.15}} or {uniform: {min: -1, max: 1}}"

    def check_value(self, raw: Any) -> Any:
        return _check_prior(raw)

    def value_schema(self) -> dict[str, Any]:
        return prior_schema("")

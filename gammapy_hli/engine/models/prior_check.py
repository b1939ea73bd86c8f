"""Checks a prior as it is written, ``{gauss: {mean: 2, sigma: 0.1}}`` or gammapy's form. Imports no numpy.

The numbers of a prior are values of its parameter: they have its unit, and in the short form must name it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.yaml_reader import Node
from gammapy_hli.engine.models.entries import ParameterEntry
from gammapy_hli.engine.models.prior import PRIOR_NUMBERS, Prior

if TYPE_CHECKING:
    from gammapy_hli.engine.models.check import ModelChecker

__all__ = ["SHORT_PRIORS", "check_prior", "check_value_in_prior"]

PriorNumbers = tuple[str, dict[str, float], float]

SHORT_PRIORS: dict[str, tuple[str, dict[str, str]]] = {
    "gauss": ("GaussianPrior", {"mean": "mu", "sigma": "sigma"}),
    "uniform": ("UniformPrior", {"min": "min", "max": "max"}),
    "log_uniform": ("LogUniformPrior", {"min": "min", "max": "max"}),
}
"""Names of the short form: gammapy's type, and its names of the numbers."""
_LONG_KEYS = ("type", "parameters", "weight")
_EXAMPLE = "a prior such as {gauss: {mean: 2, sigma: 0.1}}"


def check_prior(checker: "ModelChecker", node: Node, entry: ParameterEntry, path: str) -> PriorNumbers | None:
    """gammapy's name of the prior, its numbers in the unit of the parameter, and its weight.

    None, with a problem at the checker, where it is no prior.
    """
    if not isinstance(node.value, dict) or not node.value:
        checker.report(node, path, f"is not a prior; expected {_EXAMPLE}", "type")
        return None
    before = len(checker.problems)
    found = (
        _long(checker, node, entry, path) if set(node.value) & set(_LONG_KEYS) else _short(checker, node, entry, path)
    )
    if found is None or len(checker.problems) > before:
        return None
    problem = Prior(*found).problem()
    if problem is not None:
        checker.report(node, path, f"{found[0]}: {problem}", "range")
        return None
    return found


def check_value_in_prior(value: float, prior: PriorNumbers, unit: str) -> str | None:
    """What is wrong with a value that its prior excludes, in words; None where nothing is."""
    low, high = prior[1].get("min"), prior[1].get("max")
    if low is None or high is None or low <= value <= high:
        return None
    return f"value {value:g}{f' {unit}'.rstrip()} lies outside of its prior, {low:g} to {high:g}{f' {unit}'.rstrip()}"


def _short(checker: "ModelChecker", node: Node, entry: ParameterEntry, path: str) -> PriorNumbers | None:
    if len(node.value) > 1:
        checker.report(node, path, f"has {len(node.value)} kinds, {' and '.join(node.value)}; expected one", "type")
        return None
    ((key, child),) = node.value.items()
    if key not in SHORT_PRIORS:
        hint = did_you_mean(key, SHORT_PRIORS)
        message = f"unknown prior {key!r}.{hint} Allowed: {', '.join(SHORT_PRIORS)}."
        checker.report(node.key_nodes.get(key, node), path, message, "unknown-key")
        return None
    tag, names = SHORT_PRIORS[key]
    where = f"{path}.{key}"
    values: Mapping[str, Node] = child.value if isinstance(child.value, dict) else {}
    unknown = [name for name in values if name not in names]
    if unknown:
        hint = did_you_mean(unknown[0], names)
        message = f"a {key} prior has no {unknown[0]!r}.{hint} It has: {' and '.join(names)}."
        checker.report(child.key_nodes.get(unknown[0], child), f"{where}.{unknown[0]}", message, "unknown-key")
        return None
    if set(values) != set(names):
        listed = ", ".join(values) or "nothing"
        checker.report(child, where, f"has {listed}; expected {' and '.join(names)}", "missing")
        return None
    numbers = {}
    for old, new in names.items():
        needs_unit = values[old].value != 0
        number = checker.number(values[old], entry, f"{where}.{old}", "", needs_unit)
        numbers[new] = 0.0 if number is None else number
    return tag, numbers, 1.0


def _long(checker: "ModelChecker", node: Node, entry: ParameterEntry, path: str) -> PriorNumbers | None:
    checker.unknown_keys(node, path, _LONG_KEYS, "a prior")
    kind = node.value.get("type")
    if kind is None or kind.value not in PRIOR_NUMBERS:
        got = None if kind is None else kind.value
        message = f"unknown prior {got!r}.{did_you_mean(str(got), PRIOR_NUMBERS)} Allowed: {', '.join(PRIOR_NUMBERS)}."
        checker.report(kind or node, f"{path}.type", message, "choice")
        return None
    wanted = PRIOR_NUMBERS[kind.value]
    numbers = {}
    for name, child in checker.listed(node.value.get("parameters"), path):
        if name not in wanted:
            message = f"a {kind.value} has no {name!r}.{did_you_mean(name, wanted)} It has: {' and '.join(wanted)}."
            checker.report(child, f"{path}.{name}", message, "unknown-key")
            continue
        if "value" not in child.value:
            checker.report(child, f"{path}.{name}", "has no value", "missing")
            continue
        unit = child.value["unit"].value if "unit" in child.value else ""
        own = ParameterEntry(name, 0.0, entry.unit if unit and name != "eta" else "")  # bare: in that of the parameter
        number = checker.number(child.value["value"], own, f"{path}.{name}", unit or "", False)
        numbers[name] = 0.0 if number is None else number
    weight = node.value.get("weight")
    plain = ParameterEntry("weight", 1.0)
    factor = 1.0 if weight is None else checker.number(weight, plain, f"{path}.weight", "", False)
    return kind.value, numbers, 1.0 if factor is None else factor

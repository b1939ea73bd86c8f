"""Checks models as written by people or by gammapy, and finds all mistakes at once. Imports no numpy.

Two notations are understood, and may be mixed: parameters in line (``index: 2.3``, the short form) and gammapy's
list (``parameters: [{name: index, value: 2.3}]``).
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gammapy_hli.base.errors import InputError, Problem
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.yaml_reader import Node
from gammapy_hli.engine.models.catalogue import BACKGROUND, CATALOGUE, SPECTRAL, resolve_tag
from gammapy_hli.engine.models.entries import Kind, ModelEntry, OptionEntry, ParameterEntry
from gammapy_hli.engine.models.prior_check import check_prior, check_value_in_prior
from gammapy_hli.engine.models.specs import ComponentSpec, ModelSpec, ParameterSpec
from gammapy_hli.engine.models.units import convert, split_text

__all__ = ["ModelChecker", "as_node"]

_COMPONENTS = ("spectral", "spatial", "temporal")
_SOURCE_KEYS = (*_COMPONENTS, "datasets_names", "apply_irf")
_PARAMETER_KEYS = ("value", "unit", "min", "max", "frozen", "error", "prior", "link")
_SCAN_KEYS = ("scan_min", "scan_max", "scan_n_values", "scan_n_sigma", "scan_values")
_IGNORED_KEYS = ("name", "interp", "scale_method", "scale_transform", "scale", "factor", *_SCAN_KEYS)  # gammapy's own
_IRFS = ("exposure", "psf", "edisp")
ABSORPTION = "ebl"
"""Key of a spectrum that multiplies it with the absorption by the extragalactic background light."""


def as_node(value: Any, file: str = "") -> Node:
    """A `Node` without a place around plain data; a Node is returned as it is."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node({str(key): as_node(item, file) for key, item in value.items()}, file, 0, 0)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Node([as_node(item, file) for item in value], file, 0, 0)
    return Node(value, file, 0, 0)


class ModelChecker:
    """Walks the nodes of one file and collects problems.

    Parameters
    ----------
    base : path, optional
        Folder to which the names of template files are relative.

    Attributes
    ----------
    problems : list of Problem
    """

    def __init__(self, base: str | os.PathLike[str] | None = None):
        self.problems: list[Problem] = []
        self._base = base

    def report(self, node: Node, path: str, message: str, code: str = "model") -> None:
        """Add a problem at the place of a node."""
        if node.line:
            self.problems.append(node.problem(code, message, path=path))
        else:
            self.problems.append(Problem(code, path, message, file=node.file or None))

    # --- whole files ----------------------------------------------------------------------------------------------
    def sources(self, node: Node, path: str) -> list[ModelSpec]:
        """The mapping ``name: {spectral: ..., spatial: ...}`` of the short form."""
        entries = self._mapping(node, path, "sources by name")
        return [self.source(name, child, f"{path}.{name}") for name, child in entries.items()]

    def components(self, node: Node) -> list[ModelSpec]:
        """The list ``components`` of gammapy's format."""
        if not isinstance(node.value, list):
            self.report(node, "components", "is not a list; expected '- name: ...' for each model", "type")
            return []
        specs: list[ModelSpec] = []
        for place, child in enumerate(node.value):
            spec = self._component(child, f"components[{place}]")
            if spec is None:
                continue
            if any((spec.name, spec.is_background) == (other.name, other.is_background) for other in specs):
                self.report(
                    child, spec.path, f"a second model is named {spec.name!r}; every model needs a name of its own"
                )
            specs.append(spec)
        return specs

    def _component(self, node: Node, path: str) -> ModelSpec | None:
        entries = self._mapping(node, path, "a model")
        type_node = entries.get("type")
        tag = type_node.value if type_node is not None else "SkyModel"
        if tag in ("FoVBackgroundModel", "fov-bkg"):
            return self._background(node, path)
        if tag in ("TemplateNPredModel", "template-npred"):
            return self._template_background(node, path)
        if tag not in ("SkyModel", "sky-model"):
            known = ("SkyModel", "FoVBackgroundModel", "TemplateNPredModel")
            hint = did_you_mean(str(tag), known)
            self.report(
                type_node or node, f"{path}.type", f"unknown model type {tag!r}.{hint} Allowed: {', '.join(known)}."
            )
            return None
        name = entries["name"].value if "name" in entries else None
        if not isinstance(name, str) or not name:
            self.report(
                entries.get("name", node), f"{path}.name", "the model has no name (text); write e.g. 'name: crab'"
            )
            return None
        return self.source(name, node, name, extra=("name", "type"))

    def _background(self, node: Node, path: str) -> ModelSpec | None:
        datasets = self._names(node.value.get("datasets_names"), f"{path}.datasets_names")
        if not datasets or len(datasets) != 1:
            self.report(node, path, "a FoVBackgroundModel needs the name of its one dataset: 'datasets_names: [name]'")
            return None
        spec = ModelSpec(node, f"{datasets[0]}-bkg", datasets[0], is_background=True, datasets_names=datasets)
        self.unknown_keys(node, path, ("type", "name", "datasets_names", "spectral", "spatial"), "a background model")
        if "spectral" in node.value:
            spec.spectral = self.component(node.value["spectral"], "spectral", f"{spec.path}.spectral")
        if "spatial" in node.value:
            self.report(
                node.value["spatial"], f"{spec.path}.spatial", "spatial models of a background are not supported"
            )
        return spec

    def _template_background(self, node: Node, path: str) -> ModelSpec | None:
        self.unknown_keys(
            node, path, ("name", "type", "filename", "datasets_names", "spectral", "spatial"), "a background"
        )
        entry = BACKGROUND["TemplateNPredModel"]
        name, filename = (node.value.get(key) for key in ("name", "filename"))
        for child, key in ((name, "name"), (filename, "filename")):
            if child is None or not isinstance(child.value, str) or not child.value:
                self.report(child or node, f"{path}.{key}", f"a {entry.tag} needs {key!r} (text)", "missing")
                return None
        spec = ModelSpec(node, name.value, name.value)
        spec.counts_file = self._option(filename, entry.options[0], f"{spec.path}.filename")
        spec.datasets_names = self._names(node.value.get("datasets_names"), f"{spec.path}.datasets_names")
        if node.value.get("spectral") is not None:
            spec.spectral = self.component(node.value["spectral"], "spectral", f"{spec.path}.spectral")
        if node.value.get("spatial") is not None:
            self.report(
                node.value["spatial"], f"{spec.path}.spatial", "spatial models of a background are not supported"
            )
        return spec

    def source(self, name: str, node: Node, path: str, extra: tuple[str, ...] = ()) -> ModelSpec:
        """One source."""
        spec = ModelSpec(node, path, name)
        entries = self._mapping(node, path, "a source")
        self.unknown_keys(node, path, _SOURCE_KEYS, "a source", extra)
        for kind in _COMPONENTS:
            if kind in entries and entries[kind].value is not None:
                setattr(spec, kind, self.component(entries[kind], kind, f"{path}.{kind}"))  # type: ignore[arg-type]
        if entries.get("spectral") is None:
            self.report(node, path, "the source has no spectral model; write e.g. 'spectral: {type: pl}'", "missing")
        if "datasets_names" in entries:
            spec.datasets_names = self._names(entries["datasets_names"], f"{path}.datasets_names")
        if "apply_irf" in entries:
            spec.apply_irf = self._apply_irf(entries["apply_irf"], f"{path}.apply_irf")
        return spec

    # --- one component --------------------------------------------------------------------------------------------
    def component(self, node: Node, kind: Kind, path: str) -> ComponentSpec | None:
        """A spectral, spatial or temporal model; None where its type cannot be told."""
        entries = self._mapping(node, path, f"a {kind} model")
        entry = self._entry(node, entries.get("type"), kind, path)
        if entry is None:
            return None
        if kind == "spectral" and entry.unit and entries.get(ABSORPTION, Node(None, "", 0, 0)).value is not None:
            return self._absorbed(node, entries, path)
        spec = ComponentSpec(node, path, entry)
        for option in entry.options:
            if option.name in entries:
                spec.options[option.name] = self._option(entries[option.name], option, f"{path}.{option.name}")
            elif option.required:
                self.report(node, path, f"{entry.tag} needs {option.name!r}: {option.help}", "missing")
        table = self._table(spec)
        for key, child in entries.items():
            if key in table:
                spec.parameters[key] = self._parameter(child, table[key], f"{path}.{key}", needs_unit=True)
                self._check_least(spec.parameters[key], table[key])
            elif key not in ("type", "parameters", *entry.option_names) and (key != ABSORPTION or not entry.unit):
                self._unknown_parameter(node, key, entry, table, path)
        for name, child in self.listed(entries.get("parameters"), path):
            if name in table:
                spec.parameters[name] = self._parameter(child, table[name], f"{path}.{name}", needs_unit=False)
            else:
                self._unknown_parameter(child, name, entry, table, path, child.value["name"])
        for name in (parameter.name for parameter in table.values() if parameter.required):
            given = spec.parameters.get(name)
            if given is None or not _has_value(given.node):
                message = f"the {name} is missing, which {entry.tag} needs; write e.g. {name}: {table[name].default:g}"
                self.report(node if given is None else given.node, f"{path}.{name}", message, "missing")
        return spec

    def _absorbed(self, node: Node, entries: dict[str, Node], path: str) -> ComponentSpec:
        """The product of a spectrum and the factor of its key ``ebl``: gammapy's compound model."""
        own = {key: child for key, child in entries.items() if key != ABSORPTION}
        bare = Node(own, node.file, node.line, node.column, node.text, key_nodes=node.key_nodes)
        given = entries[ABSORPTION]
        fields = {**self._mapping(given, f"{path}.{ABSORPTION}", "{reference: dominguez, redshift: 0.1}")}
        fields.setdefault("type", as_node("ebl-norm"))
        factor = Node(fields, given.file, given.line, given.column, given.text, key_nodes=given.key_nodes)
        spec = ComponentSpec(node, path, SPECTRAL["CompoundSpectralModel"])
        spec.options = {
            "model1": self.component(bare, "spectral", path),
            "model2": self.component(factor, "spectral", f"{path}.{ABSORPTION}"),
            "operator": "mul",
        }
        return spec

    def _entry(self, node: Node, type_node: Node | None, kind: Kind, path: str) -> ModelEntry | None:
        if type_node is None:
            known = ", ".join(entry.short[0] for entry in CATALOGUE[kind].values())
            self.report(
                node,
                path,
                f"the {kind} model has no type; write e.g. 'type: {known.split(', ')[0]}'. Types: {known}",
                "missing",
            )
            return None
        try:
            return resolve_tag(type_node.value if isinstance(type_node.value, str) else str(type_node.value), kind)
        except InputError as error:
            self.report(type_node, f"{path}.type", str(error), "choice")
            return None

    def _table(self, spec: ComponentSpec) -> dict[str, ParameterEntry]:
        """Parameters that the model may have; those of a piecewise model follow from its nodes."""
        if spec.entry.tag == "PiecewiseNormSpectralModel":
            energies = spec.options.get("energy") or ((), "")
            return {f"norm_{place}": ParameterEntry(f"norm_{place}", 1.0) for place in range(len(energies[0]))}
        return {parameter.name: parameter for parameter in spec.entry.parameters}

    def _unknown_parameter(
        self, node: Node, key: str, entry: ModelEntry, table: Mapping[str, Any], path: str, mark: Node | None = None
    ) -> None:
        known = [*table, *entry.option_names]
        place = mark or node.key_nodes.get(key, node)
        listed = ", ".join(known) or "none"
        message = f"{entry.tag} has no parameter {key!r}.{did_you_mean(key, [*known, 'type'])} It has: {listed}."
        self.report(place, f"{path}.{key}", message, "unknown-key")

    def listed(self, node: Node | None, path: str) -> Iterable[tuple[str, Node]]:
        """Name and node of each entry of gammapy's list of parameters."""
        if node is None or node.value is None:
            return
        if not isinstance(node.value, list):
            self.report(node, f"{path}.parameters", "is not a list; expected '- name: index' and so on", "type")
            return
        seen: set[str] = set()
        for child in node.value:
            name = child.value.get("name") if isinstance(child.value, dict) else None
            if name is None or not isinstance(name.value, str):
                self.report(
                    child, f"{path}.parameters", "the parameter has no name; expected '- name: index'", "missing"
                )
            elif name.value in seen:
                self.report(name, f"{path}.{name.value}", f"parameter {name.value!r} stands twice", "duplicate-key")
            else:
                seen.add(name.value)
                yield name.value, child

    # --- one parameter --------------------------------------------------------------------------------------------
    def _parameter(self, node: Node, entry: ParameterEntry, path: str, needs_unit: bool) -> ParameterSpec:
        spec = ParameterSpec(node, path)
        if not isinstance(node.value, dict):
            spec.value = self.number(node, entry, path, "", needs_unit)
            self._check_bounds(spec, entry)
            return spec
        fields = node.value
        self.unknown_keys(node, path, _PARAMETER_KEYS, "a parameter", _IGNORED_KEYS)
        given = fields["unit"].value if "unit" in fields and fields["unit"].value is not None else ""
        for key in ("value", "min", "max", "error"):
            if key in fields and fields[key].value is not None:
                has_no_unit_to_miss = key != "value" and fields[key].value == 0
                number = self.number(
                    fields[key], entry, path if key == "value" else f"{path}.{key}", str(given),
                    needs_unit and not has_no_unit_to_miss, allows_nan=key in ("min", "max") or not needs_unit,
                )  # fmt: skip
                setattr(spec, key, number)
        spec.frozen = self._typed(fields.get("frozen"), bool, f"{path}.frozen", "true or false")
        spec.link = self._typed(
            fields.get("link"), str, f"{path}.link", "the name of a parameter, e.g. crab.spectral.index"
        )
        if "prior" in fields and fields["prior"].value is not None:
            spec.prior = check_prior(self, fields["prior"], entry, f"{path}.prior")
        self._check_bounds(spec, entry)
        return spec

    def number(
        self, node: Node, entry: ParameterEntry, path: str, unit: str, needs_unit: bool, allows_nan: bool = False
    ) -> float | None:
        """The number in the unit of the table; None, with a problem, where it is none."""
        value = node.value
        try:
            if isinstance(value, str):
                number, own = split_text(value)
                unit = own or unit
            elif isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(
                    f"got {_shown(value)}; expected a number{f' with a unit such as {entry.unit}' * bool(entry.unit)}"
                )
            else:
                number = float(value)
            if math.isinf(number) or (math.isnan(number) and not allows_nan):
                raise InputError(f"got {number}; expected a finite number")
            if entry.unit and not unit:
                if needs_unit:
                    raise InputError(f"{_shown(value)} has no unit; write e.g. '{value} {entry.unit}'")
                return number
            return convert(number, unit, entry.unit, path)
        except InputError as error:
            self.report(node, path, str(error).removeprefix(f"{path}: "), "unit" if "unit" in str(error) else "type")
            return None

    def _check_bounds(self, spec: ParameterSpec, entry: ParameterEntry) -> None:
        value = entry.default if spec.value is None else spec.value
        low = entry.min if spec.min is None else spec.min
        high = entry.max if spec.max is None else spec.max
        unit = f" {entry.unit}".rstrip()
        if low > high:
            self.report(spec.node, spec.path, f"min {low:g}{unit} is above max {high:g}{unit}", "order")
        elif value < low or value > high:
            side = f"below min {low:g}" if value < low else f"above max {high:g}"
            self.report(spec.node, spec.path, f"value {value:g}{unit} is {side}{unit}", "range")
        elif spec.prior is not None and (problem := check_value_in_prior(value, spec.prior, entry.unit)):
            self.report(spec.node, spec.path, problem, "range")

    def _check_least(self, spec: ParameterSpec, entry: ParameterEntry) -> None:
        """Tell of a value that somebody wrote below what makes sense; a fit may have gone there."""
        if spec.value is not None and spec.value < entry.least:
            least = f"{entry.least:g} {entry.unit}".rstrip()
            self.report(spec.node, spec.path, f"{spec.value:g} is below {least}", "range")

    # --- options and small values ---------------------------------------------------------------------------------
    def _option(self, node: Node, option: OptionEntry, path: str) -> Any:
        if option.type == "model":
            return self.component(node, "spectral", path)
        if option.type == "quantities":
            return self._quantities(node, path)
        if option.type == "bool":
            return self._typed(node, bool, path, "true or false")
        text = self._typed(node, str, path, "text")
        if text is not None and option.allowed and text not in option.allowed:
            hint = did_you_mean(text, option.allowed)
            self.report(node, path, f"{text!r} is not allowed.{hint} Allowed: {', '.join(option.allowed)}.", "choice")
        if option.type == "path" and text is not None:
            name = os.path.expandvars(os.path.expanduser(text))
            return os.fspath(Path(self._base, name)) if self._base is not None else name
        return text

    def _quantities(self, node: Node, path: str) -> tuple[list[float], str] | None:
        """Numbers and unit of ``{data: [0.1, 1], unit: TeV}`` or ``[0.1 TeV, 1 TeV]``; all in the unit of the first."""
        try:
            if isinstance(node.value, dict) and set(node.value) == {"data", "unit"}:
                return _numbers(node.value["data"]), str(node.value["unit"].value or "")
            if isinstance(node.value, list) and node.value:
                pairs = [split_text(str(child.value)) for child in node.value]
                unit = pairs[0][1]
                return [convert(number, own, unit, path) for number, own in pairs], unit
        except (TypeError, ValueError, InputError) as error:
            self.report(node, path, f"{error}", "type")
            return None
        self.report(node, path, "expected a list such as [0.1 TeV, 1 TeV], or {data: [0.1, 1], unit: TeV}", "type")
        return None

    def _apply_irf(self, node: Node, path: str) -> dict[str, bool]:
        self.unknown_keys(node, path, _IRFS, "apply_irf")
        found = {
            key: self._typed(child, bool, f"{path}.{key}", "true or false")
            for key, child in self._mapping(node, path, "true or false for each response").items()
        }
        return {key: value for key, value in found.items() if value is not None and key in _IRFS}

    def _names(self, node: Node | None, path: str) -> tuple[str, ...] | None:
        """A list of names; one name counts as a list of one."""
        if node is None or node.value is None:
            return None
        items = node.value if isinstance(node.value, list) else [node]
        for item in items:
            if isinstance(item.value, list | dict):
                self.report(item, path, "expected a list of names of datasets", "type")
                return None
        return tuple(item.raw if item.raw is not None else str(item.value) for item in items)

    def _typed(self, node: Node | None, kind: type, path: str, expected: str) -> Any:
        if node is None or node.value is None:
            return None
        if isinstance(node.value, kind):
            return node.value
        self.report(node, path, f"got {_shown(node.value)}; expected {expected}", "type")
        return None

    def _mapping(self, node: Node, path: str, what: str) -> dict[str, Node]:
        if isinstance(node.value, dict):
            return node.value
        if node.value is not None:
            self.report(node, path, f"got {_shown(node.value)}; expected {what}", "type")
        return {}

    def unknown_keys(
        self, node: Node, path: str, known: tuple[str, ...], what: str, silent: tuple[str, ...] = ()
    ) -> None:
        for key in node.value if isinstance(node.value, dict) else ():
            if key not in known and key not in silent:
                message = f"unknown key {key!r} of {what}.{did_you_mean(key, known)} Allowed: {', '.join(known)}."
                self.report(node.key_nodes.get(key, node), f"{path}.{key}", message, "unknown-key")


def _has_value(node: Node) -> bool:
    """Whether a parameter is given as a number or a link, well or badly."""
    if not isinstance(node.value, dict):
        return node.value is not None
    return any(key in node.value and node.value[key].value is not None for key in ("value", "link"))


def _numbers(node: Node) -> list[Any]:
    """Numbers of a list, or of lists in a list."""
    return [_numbers(child) if isinstance(child.value, list) else float(child.value) for child in node.value]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)

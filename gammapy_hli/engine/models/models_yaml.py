"""Models in files: gammapy's YAML format, read and written, and the short form of the configuration.

`read_models` and `write_models` are inverse to each other to the last bit; what is written depends on the models alone.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.yaml_reader import Node, parse_yaml, read_yaml
from gammapy_hli.base.yaml_writer import with_checksum
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.build import build_models
from gammapy_hli.engine.models.check import ModelChecker, as_node
from gammapy_hli.engine.models.covariance_file import read_covariance, write_covariance
from gammapy_hli.engine.models.entries import ParameterEntry
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.sky_model import AnyModel, Models
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.models.temporal import TemporalModel

__all__ = [
    "models_text",
    "parse_background",
    "parse_models",
    "parse_short",
    "plain_component",
    "read_models",
    "write_models",
]

_FILE_KEYS = ("components", "covariance", "metadata", "checksum")
_SECTION_KEYS = ("sources", "background", "file")


def read_models(path: str | os.PathLike[str]) -> Models:
    """Models, with their covariance, from a file in gammapy's format or in the short form (``sources:``).

    Raises
    ------
    ConfigError
        Every mistake in the file with its line: unknown models, parameters and keys, units, bounds, links.
    InputError
        The covariance file is missing or belongs to other models.
    """
    path = Path(os.path.expandvars(os.path.expanduser(os.fspath(path))))
    return _from_node(read_yaml(path), path.parent)


def parse_models(text: str, base: str | os.PathLike[str] | None = None) -> Models:
    """Models from a YAML text; see `read_models`. Names of files are relative to `base`."""
    return _from_node(parse_yaml(text), base)


def _from_node(node: Node, base: str | os.PathLike[str] | None) -> Models:
    if isinstance(node.value, dict) and "sources" in node.value:
        return parse_short(node, path="", base=base)
    checker = ModelChecker(base)
    if not isinstance(node.value, dict) or "components" not in node.value:
        checker.report(
            node, "", "holds no models; expected 'components:' (gammapy) or 'sources:' (short form)", "missing"
        )
        raise ConfigError(checker.problems)
    checker.unknown_keys(node, "", _FILE_KEYS, "a models file")
    models = build_models(checker.components(node.value["components"]), checker, strict_links=False)
    covariance = node.value.get("covariance")
    if covariance is not None and covariance.value is not None:
        models.covariance = read_covariance(Path(base or ".", str(covariance.value)), list(models.parameters))
    return models


def parse_short(
    mapping: Mapping[str, Any] | Node, path: str = "model.sources", base: str | os.PathLike[str] | None = None
) -> Models:
    """Models from the short form of the configuration.

    Parameters
    ----------
    mapping : mapping or Node
        Sources by name, ``{crab: {spectral: {type: pl, index: 2.3}, spatial: {...}}}``, or a section that holds them
        under ``sources``. The section's ``background`` is for `parse_background`.
    path : str
        Dotted path of the sources, for messages.
    base : path, optional
        Folder to which the names of template files are relative.

    Raises
    ------
    ConfigError
        All problems at once, each with the path, and with the line where `mapping` is a Node from a file.

    Examples
    --------
    >>> models = parse_short({"crab": {"spectral": {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1"}}})
    >>> list(models.parameters)
    ['crab.spectral.index', 'crab.spectral.amplitude', 'crab.spectral.reference']
    """
    node = as_node(mapping)
    checker = ModelChecker(base)
    if isinstance(node.value, dict) and "sources" in node.value and "spectral" not in _keys(node.value["sources"]):
        for key in node.value:
            if key not in _SECTION_KEYS:
                hint = did_you_mean(key, _SECTION_KEYS)
                checker.report(node.key_nodes.get(key, node), key, f"unknown key {key!r}.{hint}", "unknown-key")
        node = node.value["sources"]
        path = path or "sources"
    return build_models(checker.sources(node, path), checker, strict_links=True)


def parse_background(
    mapping: Mapping[str, Any] | Node, dataset_name: str, path: str = "model.background"
) -> FoVBackgroundModel:
    """The background model of one dataset from the short form, ``{norm: 1, tilt: {value: 0, frozen: true}}``."""
    node = as_node(mapping)
    checker = ModelChecker()
    fields = dict(node.value) if isinstance(node.value, dict) else {}
    fields.setdefault("type", as_node("pl-norm"))
    content = {"type": as_node("FoVBackgroundModel"), "datasets_names": as_node([dataset_name])}
    spectral = Node(fields, node.file, node.line, node.column, node.text, key_nodes=node.key_nodes)
    whole = Node([Node({**content, "spectral": spectral}, node.file, node.line, node.column)], node.file, 0, 0)
    specs = checker.components(whole)
    checker.problems = [_moved(problem, f"{dataset_name}-bkg.spectral", path) for problem in checker.problems]
    model = build_models(specs, checker, strict_links=False)[0]
    assert isinstance(model, FoVBackgroundModel)
    return model


def _moved(problem: Any, old: str, new: str) -> Any:
    return replace(problem, path=problem.path.replace(old, new, 1))


def _keys(node: Node) -> tuple[str, ...]:
    return tuple(node.value) if isinstance(node.value, dict) else ()


# --- writing ------------------------------------------------------------------------------------------------------
def write_models(
    models: Models, path: str | os.PathLike[str], covariance: str | os.PathLike[str] | None = None
) -> None:
    """Write models in gammapy's format.

    Parameters
    ----------
    models : Models
    path : path
    covariance : path, optional
        Where to write the covariance; in the folder of `path`. None writes none.
    """
    path = Path(path)
    if covariance is not None and Path(covariance).parent != path.parent:
        raise InputError(
            f"covariance file {covariance} is not in the folder of {path}; the models file could not refer to it"
        )
    if covariance is not None:
        write_covariance(covariance, list(models.parameters), models.covariance)
    write_text(path, models_text(models, None if covariance is None else Path(covariance).name))


def models_text(models: Models, covariance_name: str | None = None) -> str:
    """The models file as text."""
    links = models.links
    labels = {**links, **{target: target for target in links.values()}}
    content: dict[str, Any] = {"components": [_plain_model(model, labels) for model in models]}
    if covariance_name is not None:
        content["covariance"] = covariance_name
    content["metadata"] = {"creator": "gammapy_hli"}
    return yaml.dump(
        with_checksum(content),
        Dumper=yaml.SafeDumper,
        sort_keys=False,
        indent=4,
        default_flow_style=False,
        allow_unicode=True,
        width=120,
    )


def _plain_model(model: AnyModel, labels: Mapping[str, str]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    if isinstance(model, FoVBackgroundModel):
        plain["type"] = model.entry.tag
    elif isinstance(model, TemplateNPredModel):
        if model.filename is None:
            raise InputError(f"template background {model.name!r} has no file; write its map and give it the filename")
        plain |= {"name": model.name, "type": model.entry.tag, "filename": model.filename}
    else:
        plain |= {"name": model.name, "type": "SkyModel"}
        if not all(model.apply_irf.values()):
            plain["apply_irf"] = dict(model.apply_irf)
    if model.datasets_names is not None:
        plain["datasets_names"] = list(model.datasets_names)
    plain["spectral"] = plain_component(model.spectral, f"{model.name}.spectral", labels)
    if model.spatial is not None:
        plain["spatial"] = plain_component(model.spatial, f"{model.name}.spatial", labels)
    if model.temporal is not None:
        plain["temporal"] = plain_component(model.temporal, f"{model.name}.temporal", labels)
    return plain


def plain_component(
    model: SpectralModel | SpatialModel | TemporalModel, path: str = "", labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """One component as plain data in gammapy's format; `labels` are the links by qualified name."""
    labels = labels or {}
    plain: dict[str, Any] = {"type": model.tag}
    options = {
        name: plain_component(value, f"{path}.{name}", labels) if isinstance(value, SpectralModel) else value
        for name, value in model.options.items()
    }
    if any(isinstance(value, SpectralModel) for value in model.options.values()):
        return plain | options
    table = {entry.name: entry for entry in model.entry.parameters}
    parameters = [
        _plain_parameter(parameter, name, table.get(name), labels.get(f"{path}.{name}"))
        for name, parameter in zip(model.parameters.names, model.parameters, strict=True)
    ]
    return plain | {"parameters": parameters} | options


def _plain_parameter(parameter: Parameter, name: str, entry: ParameterEntry | None, link: str | None) -> dict[str, Any]:
    """Name, value and unit, and of the rest what is not as in the table."""
    entry = entry or ParameterEntry(name, 1.0)
    plain: dict[str, Any] = {"name": name, "value": parameter.value}
    if parameter.unit:
        plain["unit"] = parameter.unit
    if parameter.error:
        plain["error"] = parameter.error
    for key in ("min", "max"):
        bound, usual = getattr(parameter, key), getattr(entry, key)
        if bound != usual and not (math.isnan(bound) and math.isnan(usual)):
            plain[key] = bound
    if parameter.frozen != entry.frozen:
        plain["frozen"] = parameter.frozen
    if parameter.prior is not None:
        numbers = [
            {"name": key, "value": value, "unit": parameter.unit} for key, value in parameter.prior.parameters.items()
        ]
        plain["prior"] = {"type": parameter.prior.type, "parameters": numbers, "weight": parameter.prior.weight}
    if link is not None:
        plain["link"] = link
    return plain

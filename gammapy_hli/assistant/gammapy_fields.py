"""The options of gammapy's ``AnalysisConfig`` (1.0 to 2.1) with their defaults, and a file of them, read strictly.

gammapy is not needed: names and defaults stand here as data. `from_gammapy` says what each of them is with us.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gammapy_hli.base.errors import ConfigError, Problem, sort_problems
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.yaml_reader import Node, read_yaml
from gammapy_hli.core.origins import DEFAULT_ORIGIN, Origin

_AXIS = {"min": None, "max": None, "nbins": None}
_RANGE = {"min": None, "max": None}
_TIMES = {"start": None, "stop": None}
_POSITION = {"frame": None, "lon": None, "lat": None}
_CIRCLE = {**_POSITION, "radius": None}


@dataclass(frozen=True)
class Free:
    """A mapping whose keys gammapy hands on unseen."""

    default: Mapping[str, Any]


FIELDS: dict[str, Any] = {
    "general": {
        "log": {"level": "info", "filename": None, "filemode": None, "format": None, "datefmt": None},
        "outdir": ".",
        "n_jobs": 1,
        "datasets_file": None,
        "models_file": None,
    },
    "observations": {
        "datastore": "$GAMMAPY_DATA/hess-dl3-dr1",
        "obs_ids": [],
        "obs_file": None,
        "obs_cone": _CIRCLE,
        "obs_time": _TIMES,
        "required_irf": ["aeff", "edisp", "psf", "bkg"],
    },
    "datasets": {
        "type": "1d",
        "stack": True,
        "geom": {
            "wcs": {
                "skydir": _POSITION,
                "binsize": "0.02 deg",
                "width": {"width": "5 deg", "height": "5 deg"},
                "binsize_irf": "0.2 deg",
            },
            "selection": {"offset_max": "2.5 deg"},
            "axes": {
                "energy": {"min": "1 TeV", "max": "10 TeV", "nbins": 5},
                "energy_true": {"min": "0.5 TeV", "max": "20 TeV", "nbins": 16},
            },
        },
        "map_selection": ["counts", "exposure", "background", "psf", "edisp"],
        "background": {"method": None, "exclusion": None, "parameters": Free({})},
        "safe_mask": {"methods": ["aeff-default"], "parameters": Free({})},
        "on_region": _CIRCLE,
        "containment_correction": True,
    },
    "fit": {"fit_range": _RANGE},
    "flux_points": {"energy": _AXIS, "source": "source", "parameters": Free({"selection_optional": "all"})},
    "excess_map": {"correlation_radius": "0.1 deg", "parameters": Free({}), "energy_edges": _AXIS},
    "light_curve": {
        "time_intervals": _TIMES,
        "energy_edges": _AXIS,
        "source": "source",
        "parameters": Free({"selection_optional": "all"}),
    },
}
METADATA = "metadata"
"""Section that gammapy writes and does not read."""
_OURS = ("config_version", "extends", "steps", "selection", "reduction", "model", "maps")
"""Keys that only our configurations have."""
_QUANTITY = re.compile(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?) *([A-Za-z]+)")
_SWITCHES = {"yes": True, "on": True, "no": False, "off": False}
"""What YAML 1.1, which gammapy reads, takes as true and false."""


class GammapyConfig:
    """A configuration of gammapy: every option with its value, or its default, and its place.

    Parameters
    ----------
    root : Node
        The file; only keys of `FIELDS` and ``metadata`` may stand in it.
    """

    def __init__(self, root: Node):
        self.root = root

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "GammapyConfig":
        """Read a file.

        Raises
        ------
        ConfigError
            Every unknown key and every misshaped section, with its place.
        """
        root = read_yaml(path)
        ours = [root.key_nodes[key] for key in _OURS if isinstance(root.value, dict) and key in root.value]
        if ours:
            message = f"'{ours[0].value}' is an option of gammapy_hli: this is no configuration of gammapy"
            raise ConfigError(ours[0].problem("not-gammapy", message, hint="It needs no conversion."))
        problems: list[Problem] = []
        _check(root, FIELDS, "", problems)
        if problems:
            raise ConfigError(sort_problems(problems))
        return cls(root)

    def node(self, path: str) -> Node | None:
        """What stands at a dotted path; None where nothing does."""
        node: Node | None = self.root
        for name in path.split("."):
            node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
        return node

    def __getitem__(self, path: str) -> Any:
        """The plain value at a dotted path, the default where it is not set."""
        node, default = self.node(path), default_of(path)
        if node is None or (node.value is None and default is not None):
            return default
        value = node.plain()
        if isinstance(default, bool) and isinstance(value, str):
            return _SWITCHES.get(value.lower(), value)
        return value

    def differs(self, path: str) -> bool:
        """Whether something else than the default is set."""
        return not _are_same(self[path], default_of(path))

    def origin(self, path: str) -> Origin:
        """The place of a value, or of the key above that stands in the file."""
        node = self.node(path)
        if node is None or node.line == 0:
            above = path.rpartition(".")[0]
            return self.origin(above) if above else DEFAULT_ORIGIN
        return Origin("file", node.file, node.line, node.column, node.text, node.length)


def default_of(path: str) -> Any:
    """The default of an option of gammapy; of a free mapping that mapping, of a key in it None."""
    found: Any = FIELDS
    for name in path.split("."):
        found = found.default.get(name) if isinstance(found, Free) else found[name]
    return dict(found.default) if isinstance(found, Free) else found


def _are_same(value: Any, default: Any) -> bool:
    """Whether two values mean the same: ``5.0 deg`` and ``5 deg`` do, and paths with and without a slash at the end."""
    if isinstance(value, str) and isinstance(default, str):
        numbers = [_QUANTITY.fullmatch(text) for text in (value, default)]
        if all(numbers):
            return len({(float(match[1]), match[2]) for match in numbers if match}) == 1
        return value.rstrip("/") == default.rstrip("/")
    return bool(value == default)


def _check(node: Node, fields: Mapping[str, Any], path: str, problems: list[Problem]) -> None:
    """Report keys that gammapy would not take, and sections that are none."""
    if node.value is None:
        return
    if not isinstance(node.value, dict):
        expected = ", ".join(fields)
        problems.append(node.problem("section", f"expected a mapping with the keys {expected}", path=path))
        return
    for key, child in node.value.items():
        here = f"{path}.{key}" if path else key
        if key not in fields:
            if path or key != METADATA:
                hint = did_you_mean(key, fields).strip() or f"There are: {', '.join(fields)}"
                message = f"'{here}' is no option of gammapy's AnalysisConfig."
                problems.append(node.key_nodes[key].problem("unknown-key", message, path=here, hint=hint))
        elif isinstance(fields[key], Mapping):
            _check(child, fields[key], here, problems)
        elif isinstance(fields[key], Free) and not isinstance(child.value, dict | None):
            problems.append(child.problem("section", "expected a mapping", path=here))

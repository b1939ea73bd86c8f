"""From a configuration of gammapy to one of ours: what each option is with us, and what has no place here.

Nothing is dropped in silence: what differs from gammapy's default and cannot be carried over becomes a note, beside the
section where a reader would look for it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from gammapy_hli.analysis import Analysis
from gammapy_hli.assistant.commented_yaml import Notes, commented_yaml
from gammapy_hli.assistant.conversion import Conversion
from gammapy_hli.assistant.gammapy_fields import GammapyConfig
from gammapy_hli.assistant.gammapy_reduction import ReductionLedger
from gammapy_hli.base.errors import ConfigError, Problem
from gammapy_hli.core.entries import entry_from_python, merge
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import plain_text
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import EntrySource

_POINTS = {"n_sigma": "n_sigma", "n_sigma_ul": "n_sigma_ul", "reoptimize": "reoptimize",
           "n_sigma_sensitivity": "n_sigma_sensitivity"}  # fmt: skip
_CURVE = {"n_sigma": "n_sigma", "n_sigma_ul": "n_sigma_ul"}
_EXCESS = {"n_sigma": "n_sigma", "n_sigma_ul": "n_sigma_ul", "correlate_off": "correlate_off"}
_NEEDS_MODEL = ("model", "fit", "flux_points", "light_curve")


def converted_yaml(path: str | os.PathLike[str], folder: Path, models: str | None = None) -> tuple[str, list[Problem]]:
    """A configuration file of gammapy as the text of one of ours, and what could not be carried over.

    Parameters
    ----------
    path : path
    folder : Path
        Where the text will stand.
    models : str, optional
        As for `convert`.

    Raises
    ------
    ConfigError
        With the places in gammapy's file.
    """
    conversion = convert(GammapyConfig.read(path), models)
    resolved = resolve(Analysis, [EntrySource(conversion.entry)], complete=False)
    heading = [f"The analysis of {Path(path).name}, a configuration of gammapy's Analysis."]
    if conversion.lost:
        heading.append("What could not be carried over, or means something else here, is said beside its section.")
    waiting = {
        name: [f"{key}: {plain_text(value)}" for key, value in options.items()]
        for name, options in conversion.waiting.items()
    }
    if "model" in waiting:
        waiting["model"] = ["file: models.yaml"]
    notes = Notes([*heading, ""], conversion.notes, waiting)
    return commented_yaml(resolved.build(), folder, shown="given", notes=notes, helps="short"), conversion.lost


def convert(theirs: GammapyConfig, models: str | None = None) -> Conversion:
    """Carry a configuration of gammapy over.

    Parameters
    ----------
    theirs : GammapyConfig
    models : str, optional
        Models file, which gammapy's configuration does not name; relative to the working directory.

    Raises
    ------
    ConfigError
        Values that gammapy would refuse too.
    """
    return _Converter(theirs, models).run()


class _Converter(ReductionLedger):
    def __init__(self, theirs: GammapyConfig, models: str | None):
        super().__init__(theirs)
        self.models = models

    def run(self) -> Conversion:
        self.general()
        self.observations()
        method = self.background_method()
        self.is_map = self.theirs["datasets.type"] == "3d"
        self.kind = "spectrum" if not self.is_map else "image" if method == "ring" else "map"
        steps = self.steps()
        self.put("steps", steps, "datasets.type")
        self.datasets(method)
        self.background(method)
        self.safe_mask()
        if self.kind != "image":
            self.model()
            self.fit()
            self.flux_points()
            self.light_curve()
        self.maps(steps)
        self.lose_the_rest(self.reasons())
        if self.problems:
            raise ConfigError(self.problems)
        self.set_aside(steps)
        return self.result

    # -- sections ------------------------------------------------------------------------------------------------

    def general(self) -> None:
        level = str(self.theirs["general.log.level"]).lower()
        if self.theirs.differs("general.log.level"):
            if level == "critical":
                self.note("general", "general.log.level", "critical is error here.")
            self.put("general.log_level", "error" if level == "critical" else level, "general.log.level")
        words = "a log with every message stands in <outdir>/log.txt; another file is named by --log-file."
        for name in ("filename", "filemode", "format", "datefmt"):
            self.lose("general", f"general.log.{name}", words)
        if self.theirs.differs("general.outdir"):
            self.put("general.outdir", self.theirs["general.outdir"], "general.outdir")
        if self.theirs.differs("general.n_jobs"):
            self.put("general.n_jobs", self.theirs["general.n_jobs"], "general.n_jobs")
        words = "datasets are written to <outdir>/reduction with every run, and read from there."
        self.lose("general", "general.datasets_file", words)

    def steps(self) -> list[str]:
        """The steps that the calls of gammapy's Analysis would make with this configuration."""
        if self.theirs["datasets.type"] not in ("1d", "3d"):
            self.refuse("datasets.type", f"{plain_text(self.theirs['datasets.type'])} is not allowed", "write 1d or 3d")
        steps = ["selection", "reduction"]
        if self.kind != "image":
            steps += ["model", "fit"]
            steps += ["flux_points"] if self.axis("flux_points.energy") is not None else []
            steps += ["light_curve"] if self.axis("light_curve.energy_edges") is not None else []
        if self.is_map and self.theirs["datasets.stack"] is True:
            steps.append("maps")
        return [*steps, "report"]

    def model(self) -> None:
        origin = Origin("command line", text="models")
        written = self.models if self.models is not None else self.input_path("general.models_file")
        if written is not None:
            place = origin if self.models is not None else self.theirs.origin("general.models_file")
            self.result.entry = merge(self.result.entry, entry_from_python({"model.file": written}, place))

    def fit(self) -> None:
        limits = [self.theirs[f"fit.fit_range.{name}"] for name in ("min", "max")]
        if limits != [None, None]:
            axis = self.axis("datasets.geom.axes.energy") or {"min": None, "max": None}
            whole = [limit if limit is not None else axis[name] for name, limit in zip(axis, limits, strict=False)]
            self.put("fit.energy_range", whole, "fit.fit_range")
            if limits[1] is not None and limits[1] == axis["max"]:
                words = (
                    "gammapy may leave out the last bin, whose upper edge comes out a rounding error above the limit; "
                    "here it is used."
                )
                self.note("fit", "fit.fit_range.max", words)
        self.see("datasets.stack")
        if not self.is_map and self.theirs["datasets.stack"] is True:
            self.put("fit.stack", True, "datasets.stack")

    def flux_points(self) -> None:
        axis, path = self.axis("flux_points.energy"), "flux_points"
        if axis is None:
            return
        self.put("flux_points.source", self.theirs[f"{path}.source"], f"{path}.source")
        self.put("flux_points.energy", axis, f"{path}.energy")
        optional = self.optional(path)
        if "all" in optional or "sensitivity" in optional:
            self.put("flux_points.sensitivity", True, f"{path}.parameters")
        self.parameters(f"{path}.parameters", "flux_points", "flux_points", _POINTS)

    def light_curve(self) -> None:
        path = "light_curve"
        edges = self.edges(f"{path}.energy_edges")
        if edges is None:
            return
        self.put("light_curve.source", self.theirs[f"{path}.source"], f"{path}.source")
        self.put("light_curve.energy_edges", edges, f"{path}.energy_edges")
        times = self.time_intervals(f"{path}.time_intervals", "light_curve")
        if times is not None:
            way, given = times
            self.put("light_curve.intervals", way, f"{path}.time_intervals")
            self.put(f"light_curve.{way}", given, f"{path}.time_intervals")
        elif self.theirs["datasets.stack"] is True and not self.is_map:
            words = "gammapy has one interval for the stacked dataset; here there is one for each run."
            self.note("light_curve", "datasets.stack", words)
        self.parameters(f"{path}.parameters", "light_curve", "light_curve", _CURVE)

    def optional(self, section: str) -> Sequence[str]:
        """Optional results that are asked for."""
        found = (self.theirs[f"{section}.parameters"] or {}).get("selection_optional")
        return [found] if isinstance(found, str) else found or []

    def maps(self, steps: Sequence[str]) -> None:
        path = "excess_map"
        if "maps" not in steps:
            return
        self.put("maps.correlation_radius", self.theirs[f"{path}.correlation_radius"], f"{path}.correlation_radius")
        if "fit" in steps:
            self.put("maps.products", ["excess", "significance", "residual"], path)
            words = "where a model is set gammapy's excess is what remains above it, which is the residual here."
            self.note("maps", path, words)
        edges = self.edges(f"{path}.energy_edges")
        if edges is not None:
            self.put("maps.energy_edges", edges, f"{path}.energy_edges")
        if {"all", "ul", "errn-errp"} & set(self.optional(path)):
            self.put("maps.limits", True, f"{path}.parameters")
        lost = set(self.optional(path)) - {"all", "ul", "errn-errp"}
        if lost:
            self.note("maps", f"{path}.parameters", f"{', '.join(sorted(lost))}: there are no such maps here.")
        self.parameters(f"{path}.parameters", "maps", "maps", _EXCESS)

    def reasons(self) -> dict[str, str]:
        """Why options of theirs are not looked at with this type of analysis."""
        no_maps = "it needs stacked maps." if self.is_map else "it is for maps, and datasets.type is 1d."
        found = {
            "datasets": no_maps if not self.is_map else "it is for spectra, and datasets.type is 3d.",
            "excess_map": no_maps,
            "flux_points": "without min, max and nbins of flux_points.energy there is no such step.",
            "light_curve": "without min, max and nbins of light_curve.energy_edges there is no such step.",
        }
        if self.kind == "image":
            why = "an image with a ring has no fit here; take fov_background for a fit in 3D."
            found |= dict.fromkeys(("fit", "flux_points", "light_curve", "general.models_file"), why)
        return found

    def set_aside(self, steps: Sequence[str]) -> None:
        """Where there is no model, what needs one is proposed in comments."""
        sections = self.result.entry.value
        if self.kind == "image" or "model" in sections:
            return
        waiting = [step for step in steps if step in _NEEDS_MODEL]
        for name in waiting:
            entry = sections.pop(name, None)
            self.result.entry.keys.pop(name, None)
            self.result.waiting[name] = {} if entry is None else entry.plain()
        kept = [step for step in steps if step not in waiting]
        self.put("steps", kept, "datasets.type")
        words = (
            f"gammapy's configuration holds no model: {', '.join(waiting)} wait for one. Name gammapy's models file in "
            f"model.file (or convert with --models FILE) and write steps: {plain_text(list(steps))}."
        )
        self.result.lost.append(Problem("from-gammapy", "", words, self.theirs.root.file, severity="warning"))
        self.result.notes.setdefault("steps", []).append(words)
        if "maps" in kept:
            self.put("maps.products", ["excess", "significance"], "excess_map")

"""The sections ``observations`` and ``datasets`` of gammapy's configuration: our selection and reduction."""

from pathlib import Path
from typing import Any

from gammapy_hli.assistant.conversion import Ledger
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.core.plain import plain_text

_METHODS = {"reflected": "reflected", "fov_background": "fov", "ring": "ring"}
_BACKGROUND = {
    "reflected": {},
    "fov": {"method": "method", "min_counts": "min_counts", "min_npred_background": "min_npred_background"},
    "ring": {"r_in": "inner_radius", "width": "width"},
}
_SAFE_MASK = {"aeff_percent": "aeff_percent", "bias_percent": "bias_percent", "offset_max": "offset_max"}


class ReductionLedger(Ledger):
    """Carries selection and reduction over.

    Attributes
    ----------
    is_map : bool
        Whether datasets.type is 3d.
    kind : str
        Our type of reduction.
    """

    is_map = False
    kind = "spectrum"

    def observations(self) -> None:
        put, theirs = self.put, self.theirs
        store = self.input_path("observations.datastore")
        if isinstance(store, str) and store.endswith((".fits", ".fits.gz")):
            self.note("selection", "observations.datastore", "a folder is expected here, not an index file.")
            store, name = str(Path(store).parent), Path(store).name
            put("selection.hdu_index", name, "observations.datastore")
        put("selection.datastore", store, "observations.datastore")
        if theirs["observations.obs_ids"]:
            put("selection.obs_ids", theirs["observations.obs_ids"], "observations.obs_ids")
        if theirs["observations.obs_file"] is not None:
            if theirs["observations.obs_ids"]:
                self.refuse("observations.obs_file", "gammapy takes obs_ids or obs_file, not both", "take one out")
            put("selection.obs_file", self.input_path("observations.obs_file"), "observations.obs_file")
        cone = self.circle("observations.obs_cone")
        if cone is not None:
            put("selection.cone", cone, "observations.obs_cone")
        self.times()
        kinds = [kind for kind in theirs["observations.required_irf"] or () if kind not in ("events", "gti")]
        put("selection.required_irfs", kinds, "observations.required_irf")

    def times(self) -> None:
        """Time intervals cut the runs in gammapy; so do our intervals."""
        times = self.time_intervals("observations.obs_time", "selection")
        if times is not None:
            way, given = times
            self.put(f"selection.intervals.{way}", given, "observations.obs_time")
            words = "runs are cut to these times, as in gammapy; their parts are named <run>_<interval> here."
            self.note("selection", "observations.obs_time", words)

    def time_intervals(self, path: str, section: str) -> tuple[str, list[Any]] | None:
        """Intervals of theirs in our words: edges where one follows the other, else ranges."""
        start, stop = self.theirs[f"{path}.start"], self.theirs[f"{path}.stop"]
        if start is None or stop is None:
            if (start is None) != (stop is None):
                self.lose(section, f"{path}.{'stop' if start is None else 'start'}", "start and stop are both needed.")
            return None
        starts, stops = (value if isinstance(value, list) else [value] for value in (start, stop))
        if len(starts) != len(stops):
            self.refuse(path, f"{len(starts)} starts and {len(stops)} stops", "give as many of both")
            return None
        if starts[1:] != stops[:-1]:
            return "ranges", [list(pair) for pair in zip(starts, stops, strict=True)]
        return "edges", [*starts, stops[-1]]

    def datasets(self, method: str | None) -> None:
        put, theirs = self.put, self.theirs
        put("reduction.type", self.kind, "datasets.type")
        for name in ("energy", "energy_true"):
            path = f"datasets.geom.axes.{name}"
            axis = self.axis(path)
            if axis is None:
                self.refuse(path, "needs min, max and nbins", "write e.g. {min: 1 TeV, max: 10 TeV, nbins: 5}")
            else:
                put(f"reduction.{name}", axis, path)
        if self.is_map:
            self.geometry()
            put("reduction.stack", theirs["datasets.stack"], "datasets.stack")
            put("reduction.offset_max", theirs["datasets.geom.selection.offset_max"], "datasets.geom.selection")
            self.lose("reduction", "datasets.map_selection", "all maps are made here.")
            return
        region = self.circle("datasets.on_region")
        if region is None:
            words = (
                "is not set, and a spectrum needs it: set reduction.on_region, e.g. "
                '{circle: {center: "83.63 deg, 22.01 deg", radius: 0.1 deg}}.'
            )
            self.note("reduction", "datasets.on_region", words)
        else:
            put("reduction.on_region", {"circle": region}, "datasets.on_region")
        put(
            "reduction.containment_correction",
            theirs["datasets.containment_correction"],
            "datasets.containment_correction",
        )

    def geometry(self) -> None:
        wcs = "datasets.geom.wcs"
        center = {name: self.theirs[f"{wcs}.skydir.{name}"] for name in ("frame", "lon", "lat")}
        if None in center.values():
            self.refuse(f"{wcs}.skydir", "needs frame, lon and lat", "write e.g. {frame: icrs, lon: 1 deg, lat: 2 deg}")
        else:
            self.put("reduction.geometry.center", center, f"{wcs}.skydir")
        width = [self.theirs[f"{wcs}.width.{name}"] for name in ("width", "height")]
        self.put("reduction.geometry.width", width, f"{wcs}.width")
        self.put("reduction.geometry.pixel", self.theirs[f"{wcs}.binsize"], f"{wcs}.binsize")
        self.put("reduction.geometry.irf_pixel", self.theirs[f"{wcs}.binsize_irf"], f"{wcs}.binsize_irf")

    def background_method(self) -> str | None:
        method = self.theirs["datasets.background.method"]
        if method is not None and method not in _METHODS:
            near = did_you_mean(str(method), _METHODS).strip()
            allowed = f"{near} Allowed: {', '.join([*_METHODS, 'null'])}".strip()
            self.refuse("datasets.background.method", f"{plain_text(method)} is not allowed", allowed)
            return None
        return None if method is None else _METHODS[method]

    def background(self, method: str | None) -> None:
        path, ours = "datasets.background", "reduction.background"
        if method is None:
            self.put(f"{ours}.method", "irf" if self.is_map else "none", f"{path}.method")
        else:
            self.put(f"{ours}.method", method, f"{path}.method")
        if method in _BACKGROUND:
            self.parameters(f"{path}.parameters", f"{ours}.{method}", "reduction.background", _BACKGROUND[method])
        exclusion = self.input_path(f"{path}.exclusion")
        if exclusion is not None:
            self.put(f"{ours}.exclusion.mask", exclusion, f"{path}.exclusion")
            if method == "fov":  # as gammapy takes it
                self.put(f"{ours}.fov.only_inside_mask", True, f"{path}.exclusion")
        if method == "ring":
            self.ring(path)

    def ring(self, path: str) -> None:
        """What a ring means here."""
        words = (
            "gammapy's Analysis stacks rings into a background that counts as known (cash); here the off counts are "
            "kept (wstat), so that significances come out a little smaller."
        )
        energy = self.axis("datasets.geom.axes.energy")
        if energy is not None and energy["nbins"] != 1:
            words += " It refuses more than one bin; here the bins are summed before the ring is drawn."
        self.note("reduction.background", f"{path}.method", words)

    def safe_mask(self) -> None:
        path = "datasets.safe_mask"
        self.put("reduction.safe_mask.methods", self.theirs[f"{path}.methods"], f"{path}.methods")
        self.parameters(f"{path}.parameters", "reduction.safe_mask", "reduction.safe_mask", _SAFE_MASK)

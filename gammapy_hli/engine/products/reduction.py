"""The product of a reduction: the datasets, and what is known of every run, also of those that could not be used."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.file_record import without_record
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import FILE_NAME, read_datasets, write_datasets
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.ogip import write_ogip
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.stats.significance import significance_cash, significance_wstat

INFO_FILE = "info.ecsv"
EXCLUSION_FILE = "exclusion.fits"
OGIP_FOLDER = "ogip"
#: Column of info.ecsv -> (unit, description).
INFO_COLUMNS: dict[str, tuple[str | None, str]] = {
    "name": (None, "name of the dataset"),
    "livetime": ("s", "dead time corrected observation time"),
    "zenith": ("deg", "zenith angle; nan where unknown"),
    "offset": ("deg", "distance of the on region from the pointing"),
    "n_on": (None, "counts in the on region; nan for a run that was dropped"),
    "n_off": (None, "counts in the off regions; nan where there are none"),
    "n_on_safe": (None, "n_on inside the safe range"),
    "n_off_safe": (None, "n_off inside the safe range"),
    "alpha": (None, "normalization of the off counts inside the safe range"),
    "background": (None, "expected background counts inside the safe range"),
    "excess": (None, "n_on_safe - background"),
    "sqrt_ts": (
        None,
        "significance (Li & Ma 1983, eq. 17; likelihood ratio where the background is known)",
    ),
    "energy_threshold": ("TeV", "lower edge of the safe range"),
    "background_norm": (None, "factor that the background maker fitted; nan where it fits none"),
    "dropped": (None, "why the run is not used; blank where it is"),
}
_TEXT = ("name", "dropped")


@dataclass(frozen=True, eq=False, repr=False)
class Reduction(Summary):
    """Datasets with the table of all runs.

    Attributes
    ----------
    datasets : Datasets
    info : Table
        Columns of `INFO_COLUMNS`, one row a run, dropped ones included.
    exclusion : SkyMap or None
        For maps, True where the background may be taken, (ny, nx); None where nothing was excluded. Where it was found
        from significance, `meta` has ``rounds``, ``is_stable``, and ``excluded_pixels`` after each round.
    """

    datasets: Datasets
    info: Table
    exclusion: SkyMap | None = None

    @classmethod
    def from_parts(
        cls,
        datasets: Sequence[SpectrumDataset | MapDataset],
        facts: Sequence[Mapping[str, Any]],
        exclusion: SkyMap | None = None,
    ) -> "Reduction":
        """Put together datasets and what is known of each run.

        Parameters
        ----------
        datasets : sequence of SpectrumDataset
        facts : sequence of mapping
            For every run, in order: ``name``, and what is known of the other `INFO_COLUMNS`, in their units; see
            `run_numbers`.
        exclusion : SkyMap, optional
        """
        info = Table()
        for name, (unit, description) in INFO_COLUMNS.items():
            values = [fact.get(name, "" if name in _TEXT else np.nan) for fact in facts]
            info[name] = np.array(values, dtype=str if name in _TEXT else float)
            info[name].description = description
            if unit is not None:
                info[name].unit = unit
        return cls(Datasets(datasets), info, exclusion)

    def __len__(self) -> int:
        return len(self.datasets)

    def __iter__(self) -> Iterator[SpectrumDataset]:
        return iter(self.datasets)

    @property
    def dropped(self) -> dict[str, str]:
        """Reason by name of the runs that are not used."""
        return {str(row["name"]): str(row["dropped"]) for row in self.info if row["dropped"]}

    def totals(self) -> dict[str, float]:
        """Sums over the datasets inside the safe range: n_on, n_off, counts, background, excess, sqrt_ts, livetime_s.

        The significance is that of the summed counts with alpha = sum(background) / sum(n_off); without any off counts
        with the mean alpha of the runs.
        """
        used = self.info[self.info["dropped"] == ""]
        n_on, n_off, background = (float(np.nansum(used[name])) for name in ("n_on_safe", "n_off_safe", "background"))
        alphas = np.asarray(used["alpha"])[np.isfinite(used["n_off_safe"]) & (np.nan_to_num(used["alpha"]) > 0)]
        if n_off > 0 or len(alphas):
            alpha = background / n_off if n_off > 0 else float(alphas.mean())
            sqrt_ts = float(significance_wstat(n_on, n_off, alpha))
        else:
            sqrt_ts = float(significance_cash(n_on, background)) if background > 0 else np.nan
        return {
            "n_on": n_on,
            "n_off": n_off,
            "counts": n_on,
            "background": background,
            "excess": n_on - background,
            "sqrt_ts": sqrt_ts,
            "livetime_s": float(np.nansum(used["livetime"])),
        }

    def exclusion_numbers(self) -> dict[str, float]:
        """excluded_fraction of the map, and exclusion_rounds where it was searched; nothing for spectra."""
        if self.exclusion is None:
            return {}
        rounds = self.exclusion.meta.get("rounds")
        found = {} if rounds is None else {"exclusion_rounds": int(rounds)}
        return {"excluded_fraction": float(np.mean(~self.exclusion.data)), **found}

    def write(self, folder: str | Path) -> Path:
        """Write datasets.yaml, a GADF file a dataset, OGIP files in ``ogip/``, info.ecsv; exclusion.fits for maps."""
        folder = Path(folder)
        path = write_datasets(self.datasets, folder)
        for dataset in self.datasets:
            if isinstance(dataset, SpectrumDatasetOnOff):  # OGIP has no place for a background that is not counted
                write_ogip(dataset, folder / OGIP_FOLDER)
        text = io.StringIO()
        self.info.write(text, format="ascii.ecsv")
        write_text(folder / INFO_FILE, text.getvalue())
        if self.exclusion is not None:
            self.exclusion.write(folder / EXCLUSION_FILE, overwrite=True)
        return path

    @classmethod
    def read(cls, folder: str | Path) -> "Reduction":
        """Read what `write` wrote.

        Raises
        ------
        InputError
            A file is missing or damaged.
        """
        folder = Path(folder)
        try:
            info = Table.read(folder / INFO_FILE, format="ascii.ecsv", fill_values=None)
        except Exception as error:  # astropy raises many kinds
            raise InputError(f"{folder / INFO_FILE}: cannot be read ({error}); run the reduction again") from None
        info.meta = without_record(info.meta)
        for name in _TEXT:
            info[name] = info[name].astype(str)
        mask = folder / EXCLUSION_FILE
        return cls(read_datasets(folder / FILE_NAME), info, SkyMap.read(mask) if mask.is_file() else None)

    def summary(self) -> dict[str, Any]:
        """Numbers of all runs together."""
        total = self.totals()
        return {
            "datasets": list(self.datasets.names),
            "livetime": f"{total['livetime_s'] / 3600:.2f} h",
            "n_on (safe)": int(total["n_on"]),
            "n_off (safe)": int(total["n_off"]),
            "excess (safe)": f"{total['excess']:z.1f}",
            "significance": f"{total['sqrt_ts']:z.2f}",
            "dropped": self.dropped or "none",
        }


def all_datasets(given: Iterable[Any]) -> tuple[Any, ...]:
    """The datasets of one reduction, or of several in their order."""
    return tuple(dataset for item in given for dataset in (item if isinstance(item, Reduction) else (item,)))


def allowed_sky(given: Iterable[Any], geometry: WcsGeometry) -> np.ndarray | None:
    """Pixels of a map that no reduction excluded, bool (ny, nx); None where nothing was."""
    reductions = [given] if isinstance(given, Reduction) else [item for item in given if isinstance(item, Reduction)]
    masks = [one.exclusion for one in reductions if one.exclusion is not None]
    if not masks:
        return None
    on_map = [ExclusionMask(mask.data, mask.geometry.to_wcs()).on(geometry) for mask in masks]
    return np.asarray(np.logical_and.reduce(on_map))


def run_numbers(dataset: SpectrumDataset | MapDataset) -> dict[str, Any]:
    """Numbers of the dataset of a run for its row of info.ecsv, in the units of `INFO_COLUMNS`."""
    info = dataset.info()
    row = {}
    for name, (unit, _) in INFO_COLUMNS.items():
        value = info.get(name)
        if value is not None:
            row[name] = value.to_value(unit) if unit is not None else value
    norm = dataset.meta.get("BKG_NORM")
    return {**row, "background_norm": float(norm[0])} if norm else row

"""The product of a step that makes maps: named maps and what is read off them, one FITS file a map and maps.yaml."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml
from astropy.table import QTable, Table

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.file_record import without_record
from gammapy_hli.base.names import check_name
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.base.yaml_reader import read_yaml
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.products.flux_maps import FluxMaps

INDEX_FILE = "maps.yaml"
FLUX_MAPS = "flux_maps"
PEAKS_FILE = "peaks.ecsv"


@dataclass(frozen=True, eq=False, repr=False)
class MapSet(Summary):
    """Maps by name.

    Attributes
    ----------
    maps : mapping of str to SkyMap
    numbers : mapping of str to plain values
        Headline numbers, by map or by name.
    flux_maps : mapping of str to FluxMaps
        What was found as norms of a spectrum, by the name of the kind: "excess", "ts".
    peaks : Table or None
        Maxima of the significance, where they were looked for, as `find_peaks_in_bands` gives them.
    """

    maps: Mapping[str, SkyMap]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    flux_maps: Mapping[str, FluxMaps] = field(default_factory=dict)
    peaks: Table | None = None

    def __post_init__(self) -> None:
        for name in (*self.maps, *self.flux_maps):
            check_name(name)
        for name in ("maps", "numbers", "flux_maps"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.maps), dict(self.numbers), dict(self.flux_maps), self.peaks)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the maps."""
        return tuple(self.maps)

    def __getitem__(self, name: str) -> SkyMap:
        if name not in self.maps:
            raise KeyError(f"no map {name!r}; maps: {', '.join(self.names) or 'none'}.{did_you_mean(name, self.names)}")
        return self.maps[name]

    def __contains__(self, name: object) -> bool:
        return name in self.maps

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)

    def summary(self) -> dict[str, Any]:
        """Shape, unit and range of each map."""
        texts = {}
        for name, sky_map in self.maps.items():
            facts = sky_map.summary()
            low, high = (facts[key] for key in ("min", "max"))
            span = "no values" if low is None else f"{low:z.5g} to {high:z.5g}"
            texts[name] = f"{' x '.join(map(str, sky_map.shape))}, {span} {sky_map.unit}".rstrip()
        found = {} if self.peaks is None else {"peaks": len(self.peaks)}
        return texts | found | {f"flux maps of {name}": ", ".join(one.maps) for name, one in self.flux_maps.items()}

    def write(self, folder: Path | str) -> list[Path]:
        """Write ``<name>.fits`` for each map, ``flux_maps_<kind>.fits`` with its model, and maps.yaml.

        gammapy's ``Map.read`` reads the maps, its ``FluxMaps.read`` the flux maps.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [one.write(folder / f"{name}.fits", overwrite=True) for name, one in self.maps.items()]
        for name, one in self.flux_maps.items():
            paths += one.write(folder / f"{FLUX_MAPS}_{name}.fits")
        index: dict[str, Any] = {
            "maps": [
                {
                    "name": name,
                    "file": f"{name}.fits",
                    "kind": "mask" if one.is_mask else str(one.data.dtype),
                    "unit": one.unit.to_string(),
                    "axes": [f"{axis.name} ({axis.nbin})" for axis in one.axes],
                }
                for name, one in self.maps.items()
            ],
            "numbers": dict(self.numbers),
        }
        if self.flux_maps:
            index[FLUX_MAPS] = [{"name": name, "file": f"{FLUX_MAPS}_{name}.fits"} for name in self.flux_maps]
        if self.peaks is not None:
            text = io.StringIO()
            self.peaks.write(text, format="ascii.ecsv")
            write_text(folder / PEAKS_FILE, text.getvalue())
            paths.append(folder / PEAKS_FILE)
        write_text(folder / INDEX_FILE, yaml.safe_dump(index, sort_keys=False, allow_unicode=True))
        return [*paths, folder / INDEX_FILE]

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        InputError
            maps.yaml or a map is missing or damaged.
        """
        path = Path(folder) / INDEX_FILE
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected the index of a folder of maps. Run the maps step again.")
        index = read_yaml(path).plain()
        try:
            files = {entry["name"]: Path(folder) / entry["file"] for entry in index["maps"]}
            numbers = index["numbers"]
            fluxes = {entry["name"]: Path(folder) / entry["file"] for entry in index.get(FLUX_MAPS, ())}
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{path}: expected 'maps', a list of name and file, and 'numbers'; got {index!r:.80}. "
                "Run the maps step again."
            ) from error
        return cls(
            {name: SkyMap.read(file) for name, file in files.items()},
            numbers,
            {name: FluxMaps.read(file) for name, file in fluxes.items()},
            _read_peaks(Path(folder) / PEAKS_FILE),
        )


def _read_peaks(path: Path) -> Table | None:
    if not path.is_file():
        return None
    try:
        peaks = QTable.read(path, format="ascii.ecsv")
    except Exception as error:  # astropy raises many kinds
        raise InputError(f"{path}: cannot be read ({error}); run the maps step again") from None
    peaks.meta = without_record(peaks.meta)
    return peaks

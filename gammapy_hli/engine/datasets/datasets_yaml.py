"""datasets.yaml: the list of datasets of a folder with the file of each, in gammapy's form (NUMERICS C.4)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.names import slug
from gammapy_hli.base.yaml_reader import read_yaml
from gammapy_hli.base.yaml_writer import with_checksum, yaml_text
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.gadf import open_dataset_file, read_gadf, write_gadf
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_files import read_map_dataset, write_map_dataset
from gammapy_hli.engine.datasets.ogip import read_ogip
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset

FILE_NAME = "datasets.yaml"
TYPES = ("SpectrumDatasetOnOff", "SpectrumDataset", "MapDataset", "MapDatasetOnOff")
MAP_TYPES = TYPES[2:]


def gadf_name(name: str) -> str:
    """File name of a spectrum: pha_obs<name>.fits, as gammapy calls it."""
    return f"pha_obs{slug(name)}.fits"


def map_name(name: str) -> str:
    """File name of a map dataset: <name>.fits, as gammapy calls it."""
    return f"{slug(name)}.fits"


def write_datasets(
    datasets: Iterable[SpectrumDataset | MapDataset], folder: Path | str, files: dict[str, str] | None = None
) -> Path:
    """Write every dataset and the list of them.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset or MapDataset
    folder : path
        Made where it is not there.
    files : dict, optional
        Name of a dataset to the name of its file, for those that are there already and are only listed.

    Returns
    -------
    Path
        The datasets.yaml, written last.
    """
    folder, files = Path(folder), files or {}
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for dataset in datasets:
        filename = files.get(dataset.name) or _write(dataset, folder).name
        entries.append({"name": dataset.name, "type": type(dataset).__name__, "filename": filename})
    document = {"datasets": entries, "metadata": {"creator": "gammapy_hli"}}
    write_text(folder / FILE_NAME, yaml_text(with_checksum(document)))
    return folder / FILE_NAME


def _write(dataset: SpectrumDataset | MapDataset, folder: Path) -> Path:
    if isinstance(dataset, MapDataset):
        return write_map_dataset(dataset, folder / map_name(dataset.name))
    return write_gadf(dataset, folder / gadf_name(dataset.name))


def read_datasets(path: Path | str) -> Datasets:
    """Read the datasets that a datasets.yaml lists; file names are relative to it. OGIP files are taken too.

    Raises
    ------
    InputError
        Where the list or one of the files is missing or cannot be read.
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the datasets.yaml of a reduction")
    document = read_yaml(path).plain()
    entries = document.get("datasets") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise InputError(f"{path}: no list 'datasets' in it; expected entries with name, type and filename")
    return Datasets(_read_entry(path, entry) for entry in entries)


def _read_entry(path: Path, entry: object) -> SpectrumDataset | MapDataset:
    if not isinstance(entry, dict) or "filename" not in entry:
        raise InputError(f"{path}: entry {entry!r} has no filename; expected name, type and filename")
    kind = entry.get("type", TYPES[0])
    if kind not in TYPES:
        raise InputError(f"{path}: dataset {entry.get('name')} has type {kind!r}; expected one of {', '.join(TYPES)}")
    name = None if entry.get("name") is None else str(entry["name"])
    if kind in MAP_TYPES:
        return read_map_dataset(path.parent / entry["filename"], name)
    return read_dataset(path.parent / entry["filename"], name)


def read_dataset(path: Path | str, name: str | None = None) -> Any:
    """Read one dataset, a spectrum (GADF or OGIP) or maps (GADF), told apart by what is in the file."""
    file = open_dataset_file(path)
    if "SPECTRUM" in file.names():
        return read_ogip(path, name)
    if any(file.header(position).get("XTENSION") == "IMAGE" for position in range(len(file.names()))):
        return read_map_dataset(path, name)
    return read_gadf(path, name)

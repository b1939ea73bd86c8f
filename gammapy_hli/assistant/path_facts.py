"""What a folder or a file is: a data store, an outdir, event lists, a dataset, flux points, maps, a configuration."""

import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gammapy_hli.assistant.store_survey import Target, list_objects
from gammapy_hli.base.counted import counted
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.file_record import read_record
from gammapy_hli.base.near_path import not_there
from gammapy_hli.base.yaml_reader import read_yaml
from gammapy_hli.engine.dl3.fits_file import FitsFile
from gammapy_hli.engine.dl3.index import classify
from gammapy_hli.engine.dl3.run_facts import RunFacts
from gammapy_hli.engine.dl3.store import INDEX_SUFFIXES, IRF_KINDS, DataStore
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE
from gammapy_hli.run.lineage import read_session
from gammapy_hli.run.manifest import MANIFEST

MOST_RUNS = 200  # whose event headers are read
MOST_TARGETS = 12
SIMULATION = "simulation.yaml"
Facts = tuple[str, dict[str, Any]]


def path_facts(path: Path) -> Facts:
    """What it is, in a few words, and its facts in plain form.

    Raises
    ------
    InputError
        There is no such path, or it is nothing that this package knows.
    """
    if not path.exists():
        raise InputError(not_there(path, "file or folder"))
    if path.is_dir():
        return _folder(path)
    name = path.name.lower()
    if name.endswith((".fits", ".fits.gz", ".fit", ".fits.fz")):
        return _with_record(path, _fits(path))
    if name.endswith(".ecsv"):
        return _with_record(path, _table(path))
    if name.endswith((".yaml", ".yml", ".json")):
        return _with_record(path, _yaml(path))
    raise InputError(f"{path}: expected a folder, or a file .fits, .fits.gz, .ecsv, .yaml; see its name")


# -- folders ---------------------------------------------------------------------------------------------------------


def _folder(path: Path) -> Facts:
    if any((path / f"hdu-index{ending}").is_file() for ending in INDEX_SUFFIXES):
        return "data store", store_facts(DataStore.open(path)) | _simulated(path)
    if any(path.glob(f"*/{MANIFEST}")):
        return "outdir", _session(path)
    found = sorted(entry.name for entry in path.iterdir())
    raise InputError(
        f"{path}: neither a data store (no hdu-index.fits.gz) nor an outdir (no <step>/{MANIFEST}); it holds "
        f"{', '.join(found[:5]) or 'nothing'}{' ...' if len(found) > 5 else ''}"
    )


def store_facts(store: DataStore) -> dict[str, Any]:
    """Runs, instruments, responses, targets, times of a data store; headers of `MOST_RUNS` runs are read at most."""
    obs_ids = store.obs_ids
    looked_at = obs_ids[:MOST_RUNS]
    runs = RunFacts(store, obs_ids)
    rows = np.arange(len(obs_ids)) < len(looked_at)
    runs.complete(rows)
    headers = [_header(store, obs_id) for obs_id in looked_at]
    instruments = Counter(_instrument(header) for header in headers if header)
    facts: dict[str, Any] = {
        "folder": store.name,
        "runs": len(obs_ids),
        "run numbers": f"{min(obs_ids)} to {max(obs_ids)}" if obs_ids else "none",
        "instruments": {name: _runs(number) for name, number in instruments.items()},
        "responses": _responses(store),
        "kind": _kind(store),
        "targets": _targets(store) or "none named",
        **_ranges(runs, rows),
    }
    if len(looked_at) < len(obs_ids):
        facts["note"] = f"instruments, targets and ranges are those of the first {len(looked_at)} runs"
    if runs.unreadable:
        facts["cannot be read"] = {
            str(obs_ids[row]): words for row, words in itertools.islice(runs.unreadable.items(), 5)
        }
    return facts


def _simulated(folder: Path) -> dict[str, str]:
    """Where a simulated store says what it was drawn from, and with which seed."""
    recipe = folder / SIMULATION
    if not recipe.is_file():
        return {}
    plain = read_yaml(recipe).plain()
    seed = plain.get("seed") if isinstance(plain, dict) else None
    return {"simulated": f"seed {seed}; {SIMULATION} makes it again"}


def _header(store: DataStore, obs_id: int) -> Mapping[str, Any]:
    try:
        return store.header_facts(obs_id)
    except InputError:
        return {}


def _instrument(header: Mapping[str, Any]) -> str:
    words = [str(header.get(key, "")).strip() for key in ("TELESCOP", "INSTRUME")]
    return ", ".join(dict.fromkeys(word for word in words if word)) or "unknown"


def _responses(store: DataStore) -> dict[str, str]:
    """The classes of each kind of response, and how many runs have it where not all have."""
    found: dict[str, Counter[str]] = {}
    for obs_id in store.obs_ids:
        for kind, place in store.index.locations(obs_id).items():
            if kind in IRF_KINDS:
                found.setdefault(kind, Counter())[place.hdu_class or kind] += 1
    n_runs = len(store.obs_ids)
    return {
        kind: ", ".join(name if number == n_runs else f"{name} ({number} runs)" for name, number in classes.items())
        for kind, classes in sorted(found.items(), key=lambda item: IRF_KINDS.index(item[0]))
    }


def _kind(store: DataStore) -> str:
    """Whether the responses are for the whole field or for the place of a point source."""
    kinds = [set(store.index.kinds(obs_id)) for obs_id in store.obs_ids]
    if kinds and all("rad_max" in kind for kind in kinds):
        return "point-like (rad_max): spectra of point sources"
    if kinds and all({"psf", "bkg"} <= kind for kind in kinds):
        return "full-enclosure: spectra, images and maps"
    if kinds and all("psf" in kind for kind in kinds):
        return "full-enclosure without background models: spectra with off regions"
    return "mixed, or without psf and background: see responses"


def _targets(store: DataStore) -> dict[str, str]:
    """Number of runs by the object that they name and its position, the most frequent first."""
    try:
        targets = list_objects(store)
    except InputError as error:  # no names in the index, and a file that is not there
        return {"not known": str(error)}
    shown = {target.name: f"{_runs(target.n_runs)}{_at(target)}" for target in targets[:MOST_TARGETS]}
    rest = targets[MOST_TARGETS:]
    return shown | ({f"and {len(rest)} more": _runs(sum(target.n_runs for target in rest))} if rest else {})


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def _at(target: Target) -> str:
    return f" at {target.ra:.3f}, {target.dec:.3f} deg" if target.has_position else ""


def _ranges(runs: RunFacts, rows: np.ndarray) -> dict[str, str]:
    """Livetime, times and zenith angles, of what is known."""
    livetime, start, stop, zenith = (runs.column(name)[rows] for name in ("livetime", "start", "stop", "zenith"))
    facts = {}
    if np.isfinite(livetime).any():
        facts["livetime"] = f"{np.nansum(livetime) / 3600:.1f} h"
    if np.isfinite(start).any():
        last = stop if np.isfinite(stop).any() else start
        first_day, last_day = (
            (DEFAULT_REFERENCE + _seconds(edge)).utc.isot[:10] for edge in (np.nanmin(start), np.nanmax(last))
        )
        facts["times"] = f"{first_day} to {last_day}"
    if np.isfinite(zenith).any():
        facts["zenith angles"] = f"{np.nanmin(zenith):.1f} to {np.nanmax(zenith):.1f} deg"
    return facts


def _seconds(value: float) -> Any:
    from astropy.time import TimeDelta  # late: only stores need it

    return TimeDelta(float(value), format="sec")


def _session(path: Path) -> dict[str, Any]:
    """Steps of an outdir, when they were made and what they found."""
    session = read_session(path)
    files = [record for manifest in session.manifests.values() for record in manifest.products]
    steps = {
        name: f"{manifest.end[:19]}, {counted(len(manifest.products), 'file')}"
        + (f", look at: {'; '.join(manifest.flags)}" if manifest.flags else "")
        for name, manifest in session.manifests.items()
    }
    versions = dict.fromkeys(str(one.software.get("gammapy_hli", "?")) for one in session.manifests.values())
    return {
        "folder": str(path),
        "steps": steps,
        "files": f"{len(files)}, {sum(record.size for record in files) / 1e6:.1f} MB",
        "made by": f"gammapy_hli {', '.join(versions)}",
        "input files": len({record.path for one in session.manifests.values() for record in one.files}),
    }


# -- files -----------------------------------------------------------------------------------------------------------


def _with_record(path: Path, facts: Facts) -> Facts:
    """The facts with the record of provenance of the file, where it has one."""
    record = read_record(path)
    told = {"made by": record.get("CREATOR"), "step": record.get("HLISTEP"), "key": record.get("HLIKEY")}
    return facts[0], facts[1] | {name: text for name, text in told.items() if text}


def _fits(path: Path) -> Facts:
    """The first HDU that is known decides; all are listed."""
    file = FitsFile(path)
    names = file.names()
    headers = [file.header(number) for number in range(len(names))]
    facts: dict[str, Any] = {"file": str(path), "HDUs": ", ".join(name or "PRIMARY" for name in names)}
    kinds = {classify(header)[0] for header in headers} - {""}
    if "EVENTS" in names:
        header = headers[names.index("EVENTS")]
        words = {"run": "OBS_ID", "target": "OBJECT", "livetime [s]": "LIVETIME", "events": "NAXIS2"}
        known = {name: header[key] for name, key in words.items() if key in header}
        return "DL3 file of a run", facts | {"instrument": _instrument(header), **known, **_irfs_in(kinds)}
    if "FLUXPOINTS" in names:
        header = headers[names.index("FLUXPOINTS")]
        what = "light curve" if "TTYPE1" in header and str(header["TTYPE1"]).startswith("time") else "flux points"
        return what, facts | {"source": str(header.get("SOURCE", "unknown")), "rows": header["NAXIS2"]}
    if "SPECTRUM" in names:
        header = headers[names.index("SPECTRUM")]
        kind = "OGIP background" if header.get("HDUCLAS2") == "BKG" else "OGIP spectrum"
        return kind, facts | {"channels": header.get("DETCHANS"), "exposure [s]": header.get("EXPOSURE")}
    if "COUNTS" in names or "HLI_DATASET" in names:
        is_map = any(header.get("XTENSION") == "IMAGE" for header in headers)
        return ("map dataset" if is_map else "spectrum dataset"), facts | {
            "name": str(headers[0].get("NAME", path.stem))
        }
    if names and {"OBS_ID", "HDU_TYPE"} <= _columns(headers[-1]):
        return "index of HDUs", facts | {"rows": headers[-1]["NAXIS2"]}
    if names and {"OBS_ID", "RA_PNT"} <= _columns(headers[-1]):
        return "index of observations", facts | {"rows": headers[-1]["NAXIS2"]}
    if "MATRIX" in names or "SPECRESP" in names:
        return ("OGIP response matrix" if "MATRIX" in names else "OGIP effective area"), facts
    if kinds & set(IRF_KINDS):
        return "instrument responses", facts | _irfs_in(kinds)
    images = [header for header in headers if int(header.get("NAXIS", 0)) >= 2 and "CRPIX1" in header]
    if images:
        shape = " x ".join(str(images[0][f"NAXIS{n}"]) for n in range(int(images[0]["NAXIS"]), 0, -1))
        return "map", facts | {
            "shape": shape,
            "projection": str(images[0].get("CTYPE1", "")),
            "unit": str(images[0].get("BUNIT", "")),
        }
    return "FITS file", facts


def _irfs_in(kinds: set[str]) -> dict[str, str]:
    found = [kind for kind in IRF_KINDS if kind in kinds]
    return {"responses": ", ".join(found)} if found else {}


def _columns(header: Mapping[str, Any]) -> set[str]:
    return {str(header.get(f"TTYPE{n}", "")).strip().upper() for n in range(1, int(header.get("TFIELDS", 0)) + 1)}


def _table(path: Path) -> Facts:
    from astropy.table import Table  # late: only tables need it

    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:  # astropy raises many kinds
        raise InputError(f"{path}: cannot be read as ECSV ({error})") from None
    names = set(table.colnames)
    what = "table"
    for title, columns in _TABLES.items():
        if columns <= names:
            what = title
            break
    return what, {"file": str(path), "rows": len(table), "columns": ", ".join(table.colnames)}


_TABLES = {
    "table of runs": {"obs_id", "selected", "reason"},
    "table of reduced runs": {"name", "n_on", "dropped"},
    "light curve": {"time_min", "time_max", "norm"},
    "flux points": {"e_ref", "norm"},
}


def _yaml(path: Path) -> Facts:
    plain = read_yaml(path).plain()
    keys = list(plain) if isinstance(plain, dict) else []
    facts: dict[str, Any] = {"file": str(path)}
    if "components" in keys:
        names = [str(entry.get("name")) for entry in plain["components"] if isinstance(entry, dict)]
        return "models", facts | {"models": ", ".join(names)}
    if "datasets" in keys and isinstance(plain["datasets"], list):
        return "list of datasets", facts | {"datasets": ", ".join(str(one.get("name")) for one in plain["datasets"])}
    if {"success", "parameters", "goodness"} <= set(keys):
        return "fit result", facts | {"status": plain["status"], "stat": plain["stat"]}
    if "maps" in keys and isinstance(plain["maps"], list):
        return "list of maps", facts | {"maps": ", ".join(str(one.get("name")) for one in plain["maps"])}
    if {"config_version", "steps", "selection", "reduction", "general"} & set(keys):
        steps = plain.get("steps")
        return "configuration", facts | {
            "sections": ", ".join(keys),
            "steps": ", ".join(steps) if steps else "by default",
        }
    return "YAML file", facts | {"keys": ", ".join(map(str, keys[:12])) or "none"}

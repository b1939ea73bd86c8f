"""What a data store holds, as far as a proposal needs it: objects, runs at a target, responses; without a catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import ConfigError, InputError, NothingSelectedError
from gammapy_hli.base.names import slug
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.run_facts import RunFacts
from gammapy_hli.engine.dl3.select import Cone, Selection, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.region import parse_position
from gammapy_hli.engine.irf.psf import containment_radius
from gammapy_hli.engine.irf.rad_max import RadMax

FIELD = 2.5 * u.deg
"""Runs that point farther from the target than this are not looked at."""
_MOST_HEADERS = 200  # event files that are opened where the index names no objects
_SAMPLE = 5  # runs whose responses are looked at
_PSF_ENERGY = 1 * u.TeV


@dataclass(frozen=True)
class Target:
    """An object that the store names, or a position.

    Attributes
    ----------
    name : str
    ra, dec : float, optional
        Position [deg] (icrs); None where the files do not tell it.
    n_runs : int
    frame : {"icrs", "galactic"}
        Frame in which the configuration tells the position; maps have it too.
    """

    name: str
    ra: float | None
    dec: float | None
    n_runs: int = 0
    frame: str = "icrs"

    @property
    def position(self) -> SkyCoord:
        """The position."""
        return SkyCoord(self.ra, self.dec, unit="deg")

    @property
    def has_position(self) -> bool:
        """Whether the files tell where it is."""
        return self.ra is not None


@dataclass(frozen=True)
class StoreSurvey:
    """The runs of a store at a target, and their responses.

    Attributes
    ----------
    target : Target
    obs_ids : tuple of int
    offsets : array (n,)
        Between pointing and target [deg].
    livetime : float
        Of all of them [s].
    instrument : str
    kinds : frozenset of str
        Kinds of response that all runs have.
    is_pointlike : bool
        Whether the responses hold a cut on the direction.
    rad_max : float, optional
        The cut [deg], where it is one number.
    cuts : tuple of (float, float)
        Where the cut depends on energy: upper edge of each bin [TeV] and cut [deg]; else empty.
    energy_range : tuple of float
        Of the effective areas [TeV].
    threshold : float
        Lowest energy [TeV] at which an area reaches 10 % of its largest, at the offset of its run.
    has_thresholds : bool
        Whether the responses name energies that are safe.
    psf_radius : float, optional
        Radius [deg] that holds 68 % at 1 TeV.
    offset_max : float
        Largest offset [deg] of the responses.
    """

    target: Target
    obs_ids: tuple[int, ...]
    offsets: np.ndarray
    livetime: float
    instrument: str
    kinds: frozenset[str]
    is_pointlike: bool
    rad_max: float | None
    cuts: tuple[tuple[float, float], ...]
    energy_range: tuple[float, float]
    threshold: float
    has_thresholds: bool
    psf_radius: float | None
    offset_max: float

    @property
    def has_rad_max_table(self) -> bool:
        """Whether the cut of point-like responses depends on energy."""
        return bool(self.cuts)

    def largest_cut(self, energy_min: float) -> float:
        """Largest cut [deg] above an energy [TeV]; 0 where there is no table of it."""
        return max((cut for edge, cut in self.cuts if edge > energy_min), default=0.0)


def list_objects(store: DataStore) -> list[Target]:
    """The objects that the runs name, the most observed first; without names an empty list."""
    index = store.obs_index
    names = index.texts("OBJECT") if index is not None else None
    if index is not None and names is not None:
        columns = [index.floats(column, "deg") for column in ("RA_OBJ", "DEC_OBJ")]
        ra, dec = (np.full(len(names), np.nan) if column is None else column for column in columns)
    else:
        facts = [_header_facts(store, obs_id) for obs_id in store.obs_ids[:_MOST_HEADERS]]
        names = [str(each.get("OBJECT", "")).strip() for each in facts]
        ra, dec = (np.array([_number(each.get(key)) for each in facts]) for key in ("RA_OBJ", "DEC_OBJ"))
    found = []
    for name in dict.fromkeys(name for name in names if name):
        rows = np.array([each == name for each in names])
        known = (
            rows & np.isfinite(ra) & np.isfinite(dec) & ~((ra == 0) & (dec == 0))
        )  # 0, 0 is how writers leave it out
        place = [float(np.median(values[known])) if known.any() else None for values in (ra, dec)]
        found.append(Target(name, place[0], place[1], int(rows.sum())))
    return sorted(found, key=lambda target: -target.n_runs)


@dataclass(frozen=True)
class Field:
    """Sky that many runs of a store point at.

    Attributes
    ----------
    ra, dec : float
        Center of the pointings [deg] (icrs).
    n_runs, n_looked_at : int
        Runs that point there, of those that were looked at.
    """

    ra: float
    dec: float
    n_runs: int
    n_looked_at: int


def busiest_field(store: DataStore) -> Field | None:
    """The place with the most runs within `FIELD` of it, as far as is seen; None where no pointing is known."""
    facts = RunFacts(store, store.obs_ids[:_MOST_HEADERS])
    facts.need(("ra_pnt", "dec_pnt"), np.ones(len(facts.obs_ids), dtype=bool))
    ra, dec = facts.column("ra_pnt"), facts.column("dec_pnt")
    known = np.isfinite(ra) & np.isfinite(dec)
    if not known.any():
        return None
    xyz = SkyCoord(ra[known], dec[known], unit="deg").cartesian.xyz.value.T
    means = [xyz[xyz @ each > np.cos(2 * FIELD.to_value("rad"))].mean(axis=0) for each in xyz]  # of runs that overlap
    centers = np.concatenate([means / np.linalg.norm(means, axis=1)[:, None], xyz])
    n_runs = (centers @ xyz.T > np.cos(FIELD.to_value("rad"))).sum(axis=1)
    center = SkyCoord(*centers[n_runs.argmax()], representation_type="cartesian").spherical
    return Field(float(center.lon.deg), float(center.lat.deg), int(n_runs.max()), int(known.sum()))


def find_target(written: str, objects: Sequence[Target]) -> Target:
    """The target that is meant by a name of the store, or by a position.

    Raises
    ------
    ValueError
        It is neither, with what it could be.
    """
    named = [target for target in objects if _folded(target.name) == _folded(written)]
    if not named and any(letter.isalpha() for letter in written):
        named = [target for target in objects if _folded(target.name).startswith(_folded(written))]
    for target in named:
        if len(named) == 1 or _folded(target.name) == _folded(written):
            if not target.has_position:
                raise ValueError(
                    f"target '{target.name}': its files tell no position; give one, \"83.63 deg, 22.01 deg\""
                )
            return target
    try:
        is_mapping = written.lstrip().startswith("{")
        place = parse_position(parse_yaml(written, "target").plain() if is_mapping else written)
    except (ValueError, ConfigError):
        names = [target.name for target in objects]
        listed = f" Objects of the store: {', '.join(names)}." if names else ""
        raise ValueError(
            f"target '{written}' is no object of the store and no position.{did_you_mean(written, names)}{listed} "
            'A position is written "83.63 deg, 22.01 deg" or "{frame: galactic, lon: 0 deg, lat: 0 deg}".'
        ) from None
    near = [each for each in objects if each.has_position and each.position.separation(place) < 0.1 * u.deg]
    name = near[0].name if near else "source"
    return Target(name, float(place.icrs.ra.deg), float(place.icrs.dec.deg), frame=place.frame.name)


def survey(store: DataStore, target: Target) -> StoreSurvey:
    """Look at the runs that point at a target.

    Raises
    ------
    InputError
        No run points there, or those that do have no effective area or energy dispersion.
    """
    try:
        table = select(store, Selection(cone=Cone(target.position, FIELD), required_irfs=["aeff", "edisp"])).selected
    except NothingSelectedError as error:
        raise InputError(f"no run at {target.name} ({target.ra:.4f} deg, {target.dec:.4f} deg): {error}") from None
    obs_ids = tuple(table["obs_id"].tolist())
    offsets = np.asarray(table["offset"], dtype=float)
    chosen = np.unique(np.linspace(0, len(obs_ids) - 1, _SAMPLE).round().astype(int))
    sample = [(store.observation(obs_ids[row]), float(offsets[row])) for row in chosen]
    first = sample[0][0]
    areas = [observation.aeff for observation, _ in sample]
    rad_max = first.rad_max
    kinds = [set(store.index.kinds(obs_id)) for obs_id in obs_ids]
    return StoreSurvey(
        target=target,
        obs_ids=obs_ids,
        offsets=offsets,
        livetime=float(np.nansum(np.asarray(table["livetime"]))),
        instrument=first.telescope or first.instrument or "unknown instrument",
        kinds=frozenset(set.intersection(*kinds)),
        is_pointlike=bool(first.aeff.is_pointlike),
        rad_max=float(rad_max.data.max().to_value("deg")) if rad_max is not None and rad_max.is_fixed else None,
        cuts=() if rad_max is None or rad_max.is_fixed else _cuts(rad_max, sample[0][1]),
        energy_range=(
            max(float(area.energy_true.edges[0].to_value("TeV")) for area in areas),
            min(float(area.energy_true.edges[-1].to_value("TeV")) for area in areas),
        ),
        threshold=min(_threshold(observation, offset) for observation, offset in sample),
        has_thresholds=all((area.energy_min is not None and area.energy_min.value > 0) for area in areas),
        psf_radius=_psf_radius(first, sample[0][1]),
        offset_max=min(float(area.offset.edges[-1].to_value("deg")) for area in areas if area.offset.nbin > 0),
    )


def _header_facts(store: DataStore, obs_id: int) -> Mapping[str, Any]:
    """Header of the events of a run; empty where the file cannot be read, which the selection tells."""
    try:
        return store.header_facts(obs_id)
    except InputError:
        return {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _folded(name: str) -> str:
    return slug(name).replace("_", "").replace("-", "").lower()


def _threshold(observation: Observation, offset: float) -> float:
    """Lowest energy [TeV] at which the area is above 10 % of its largest."""
    area = observation.aeff
    energy = area.energy_true.center
    values = area.evaluate(
        energy, np.full(energy.shape, min(offset, area.offset.edges[-1].to_value("deg"))) * u.deg
    ).value
    above = np.flatnonzero(values >= 0.1 * values.max()) if values.max() > 0 else np.array([0])
    return float(area.energy_true.edges[above[0]].to_value("TeV"))


def _cuts(rad_max: RadMax, offset: float) -> tuple[tuple[float, float], ...]:
    """Upper edge of each bin of energy [TeV], and the cut in it [deg]."""
    energy = rad_max.energy.center
    radius = rad_max.evaluate(energy, np.full(energy.shape, offset) * u.deg).to_value("deg")
    return tuple(zip(rad_max.energy.edges[1:].to_value("TeV").tolist(), radius.tolist(), strict=True))


def _psf_radius(observation: Observation, offset: float) -> float | None:
    """Radius [deg] that holds 68 % at 1 TeV; None without a PSF there."""
    psf = observation.psf
    if psf is None:
        return None
    radius = float(containment_radius(psf, 0.68, np.array([1.0]) * _PSF_ENERGY, np.array([offset]) * u.deg)[0].value)
    return radius if np.isfinite(radius) and 0.01 < radius < 1 else None

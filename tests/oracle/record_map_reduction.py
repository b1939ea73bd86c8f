"""Record what the makers of gammapy 2.1 give for single runs. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_map_reduction.py

map_reduction.json: numbers of counts, exposure, background, responses, masks, norms and rings.
"""

import os
from pathlib import Path

import astropy.units as u
from array_numbers import numbers_of
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import MapDataset
from gammapy.irf import FoVAlignment
from gammapy.makers import FoVBackgroundMaker, MapDatasetMaker, RingBackgroundMaker, SafeMaskMaker
from gammapy.makers.utils import make_map_background_irf
from gammapy.maps import Map, MapAxis, WcsGeom
from gammapy.modeling.models import PowerLawNormSpectralModel
from gammapy_maps import write_table

CASES = {
    "crab": {
        "folder": "hess-dl3-dr1",
        "run": 23559,
        "center": SkyCoord(83.633, 22.014, unit="deg"),
        "source": SkyCoord(83.62, 22.024, unit="deg"),
        "width": (2, 2),
        "pixel": 0.02,
        "irf_pixel": 0.2,
        "cutout": 5,
        "energy": ("1 TeV", "10 TeV", 10),
        "true": ("0.5 TeV", "20 TeV", 20),
    },
    "gc": {
        "folder": "cta-1dc/index/gps",
        "run": 110380,
        "center": SkyCoord(0, 0, unit="deg", frame="galactic"),
        "source": SkyCoord(-0.05, -0.05, unit="deg", frame="galactic"),
        "width": (8, 6),
        "pixel": 0.025,
        "irf_pixel": 0.5,
        "cutout": 7,
        "energy": ("0.1 TeV", "10 TeV", 10),
        "true": ("0.08 TeV", "12 TeV", 14),
    },
}


def reduced(case, data):
    """Dataset without safe mask, and its observation."""
    (low, high, n), (true_low, true_high, n_true) = case["energy"], case["true"]
    energy = MapAxis.from_energy_bounds(low, high, nbin=n)
    true = MapAxis.from_energy_bounds(true_low, true_high, nbin=n_true, name="energy_true")
    geom = WcsGeom.create(
        skydir=case["center"],
        width=case["width"],
        binsz=case["pixel"],
        frame=case["center"].frame.name,
        axes=[energy],
    )
    empty = MapDataset.create(geom, energy_axis_true=true, binsz_irf=case["irf_pixel"], name="empty")
    observation = DataStore.from_dir(data / case["folder"]).obs(case["run"])
    events = observation.events
    for name in ("RA", "DEC"):  # else float32 directions of cta-1dc are turned to galactic in float32: see the test
        events.table[name] = events.table[name].astype(float)
    observation.events = events
    cut = empty.cutout(observation.get_pointing_icrs(observation.tmid).galactic, width=case["cutout"] * u.deg)
    return MapDatasetMaker().run(cut, observation), observation


def record_parts(name, dataset, source):
    """Arrays of the maker."""
    for part in ("counts", "exposure", "background"):
        yield f"{name}_{part}", numbers_of(getattr(dataset, part).data)
    yield f"{name}_psf", numbers_of(dataset.psf.psf_map.quantity.to_value("sr-1"))
    yield f"{name}_psf_exposure", numbers_of(dataset.psf.exposure_map.data[:, 0])
    yield f"{name}_edisp", numbers_of(dataset.edisp.edisp_map.data)
    kernel = dataset.psf.get_psf_kernel(geom=dataset.exposure.geom, position=source)
    yield f"{name}_kernel", numbers_of(kernel.data)
    yield f"{name}_edisp_kernel", numbers_of(dataset.edisp.get_edisp_kernel(position=source).pdf_matrix)


def record_masks(name, dataset, observation):
    """Safe pixels for each method."""
    for method in ("aeff-default", "aeff-max", "edisp-bias", "bkg-peak", "offset-max"):
        one = dataset.copy()
        maker = SafeMaskMaker(methods=[method], offset_max="1 deg")
        yield f"{name}_{method}", numbers_of(maker.run(one, observation).mask_safe.data)


def record_backgrounds(name, dataset, observation, data):
    """Norms of the field of view, and a ring."""
    allowed = Map.read(data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz")
    allowed.data = allowed.data.astype(bool)
    for kind, method, is_frozen in (("scale", "scale", True), ("fit", "fit", True), ("tilt", "fit", False)):
        spectrum = PowerLawNormSpectralModel()
        spectrum.tilt.frozen = is_frozen
        one = SafeMaskMaker(methods=["aeff-default"]).run(dataset.copy(name=kind), observation)
        maker = FoVBackgroundMaker(method=method, exclusion_mask=allowed, spectral_model=spectrum)
        found = maker.run(one).models[f"{kind}-bkg"].spectral_model
        norm, tilt = found.norm, found.tilt
        yield f"{name}_fov_{kind}", [float(_) for _ in (norm.value, norm.error, tilt.value, tilt.error)]
    ring = RingBackgroundMaker(r_in="0.4 deg", width="0.3 deg", exclusion_mask=allowed).run(dataset.copy())
    yield f"{name}_ring_counts_off", numbers_of(ring.counts_off.data)
    yield f"{name}_ring_acceptance_off", numbers_of(ring.acceptance_off.data)


def record_other_fields(dataset, observation):
    """Background of a field that turns with the horizon and leans to one side, and of a radial one."""
    background = observation.bkg
    background.interp_missing_data(axis_name="energy")
    geom = dataset.counts.geom.cutout(observation.get_pointing_icrs(observation.tmid), width=2 * u.deg)
    radial = background.to_2d().pad(1, mode="edge", axis_name="offset")
    ontime = observation.observation_time_duration
    found = make_map_background_irf(observation.pointing, ontime, radial, geom, observation.tstart)
    yield "radial_background", numbers_of(found.data)
    lon = background.axes["fov_lon"].center.to_value("deg")[None, :, None]
    background.data = background.data * (1 + lon / 12)
    background._fov_alignment = FoVAlignment.ALTAZ
    turning = make_map_background_irf(
        observation.pointing,
        ontime,
        background,
        geom,
        observation.tstart,
        location=observation.observatory_earth_location,
    )
    yield "turning_background", numbers_of(turning.data)


def main():
    """Write all numbers."""
    data, numbers = Path(os.environ["GAMMAPY_DATA"]), {}
    for name, case in CASES.items():
        dataset, observation = reduced(case, data)
        numbers |= record_parts(name, dataset, case["source"])
        if name == "crab":
            numbers |= record_masks(name, dataset, observation)
            numbers |= record_backgrounds(name, dataset, observation, data)
        else:
            numbers |= record_other_fields(dataset, observation)
    write_table(Path(__file__).with_name("map_reduction.json"), numbers)


if __name__ == "__main__":
    main()

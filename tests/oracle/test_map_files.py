"""Map datasets: stacked and summed as gammapy 2.1 does it, and read from files as it writes them.

The runs are made from formulas (formula_maps.py), the numbers of map_stack.json come from record_map_stack.py. gammapy
adds in float32, so that 1e-6 of the peak is what its own order of additions is worth.
"""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from regions import CircleSkyRegion

from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets
from gammapy_hli.engine.datasets.map_cut import RECO_ARRAYS
from gammapy_hli.engine.datasets.map_files import read_map_dataset, write_map_dataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.dl3.gti import Gti

REFERENCE = json.loads(Path(__file__).with_name("map_stack.json").read_text())
PEAK = 1e-6
REGION = CircleSkyRegion(SkyCoord(83.633, 22.014, unit="deg"), 0.25 * u.deg)
KINDS = pytest.mark.parametrize("kind", ["run", "ring"])


@pytest.fixture(scope="module")
def make_run(formula_maps, make_formula_dataset):
    """Maker of one run, with a background or as a ring image, on the part of the map around its pointing."""

    def make(run, kind="run"):
        facts, is_ring = formula_maps.RUNS[run], kind == "ring"
        start, stop = facts["times"]
        right_ascension, declination = facts["pointing"]
        meta = {"TELESCOP": "HESS", "OBS_ID": run, "RA_PNT": right_ascension, "DEC_PNT": declination}
        return make_formula_dataset(
            formula_maps.WIDE,
            partial(formula_maps.run_arrays, run, is_ring=is_ring),
            str(run),
            SkyCoord(right_ascension, declination, unit="deg"),
            formula_maps.RUN_WIDTH * u.deg,
            is_ring,
            gti=Gti(np.array([start]), np.array([stop]), Time(formula_maps.REFERENCE_TIME, scale="tt")),
            livetime=facts["livetime"] * u.s,
            meta={name: [value] for name, value in meta.items()},
        )

    return make


@pytest.fixture(scope="module")
def stacked(formula_maps, make_run, make_formula_dataset):
    """The sum of the runs on the whole map, of each kind."""
    whole = make_formula_dataset(formula_maps.WIDE, partial(formula_maps.run_arrays, 23523), "whole")
    pixels = {"geometry": whole.geometry, "irf_geometry": whole.psf.geometry}
    return {kind: stack_maps((make_run(_, kind) for _ in formula_maps.RUNS), **pixels) for kind in ("run", "ring")}


@pytest.fixture
def assert_recorded(array_numbers):
    """Comparison of every array of a dataset with the recorded ones; integers and masks exactly."""

    def compare(found, key):
        arrays = arrays_of(found)
        names = [name for name in arrays if f"{key}|{name}" in REFERENCE]
        assert len(names) == sum(recorded.startswith(f"{key}|") for recorded in REFERENCE)
        for name in names:
            is_exact = name in ("counts", "counts_off", "mask_safe")
            array_numbers.check_numbers(arrays[name], REFERENCE[f"{key}|{name}"], 0 if is_exact else PEAK)

    return compare


def arrays_of(dataset):
    parts = [(name, dataset, name) for name in (*RECO_ARRAYS, "exposure")]
    for irf in ("psf", "edisp"):
        parts += [(irf, getattr(dataset, irf), "data"), (f"{irf}_exposure", getattr(dataset, irf), "exposure")]
    values = {name: getattr(one, attribute, None) for name, one, attribute in parts}
    return {name: getattr(one, "value", one) for name, one in values.items() if one is not None}


def assert_same(found, expected):
    mine, its = arrays_of(found), arrays_of(expected)
    assert mine.keys() == its.keys()
    for name, values in its.items():
        np.testing.assert_array_equal(mine[name], values, err_msg=name)
    for irf in ("psf", "edisp"):
        assert getattr(found, irf).geometry.same_as(getattr(expected, irf).geometry)


@KINDS
def test_stack_is_that_of_gammapy(stacked, assert_recorded, kind):
    assert_recorded(stacked[kind], f"{kind}|stacked")


@KINDS
def test_stack_of_one_run_is_that_run_masked(make_run, assert_recorded, kind):
    assert_recorded(stack_maps([make_run(23523, kind)]), f"{kind}|masked")


def test_image_is_that_of_gammapy(stacked, assert_recorded):
    assert_recorded(stacked["run"].to_image(), "run|image")


@KINDS
def test_facts_of_the_stack_are_those_of_gammapy(stacked, formula_maps, kind):
    found, expected = stacked[kind], REFERENCE[f"{kind}|facts"]
    assert found.livetime.to_value("s") == pytest.approx(expected["livetime"], rel=1e-14)
    assert found.meta == expected["meta"]
    assert found.gti.ontime.to_value("s") == pytest.approx(expected["ontime"], abs=1e-6)
    starts = found.gti.time_start - Time(formula_maps.REFERENCE_TIME, scale="tt")
    assert starts.to_value("s") == pytest.approx(expected["starts"], abs=1e-6)


@KINDS
def test_numbers_of_the_stack_are_those_of_gammapy(stacked, kind):
    """gammapy's info_dict; its sums are float32."""
    found, expected = stacked[kind].info(), REFERENCE[f"{kind}|facts"]
    assert found["n_on_safe"] == expected["counts"]
    assert found["n_off_safe"] == expected.get("counts_off")
    for name in ("excess", "background", "sqrt_ts", "alpha"):
        if name in expected:
            assert found[name] == pytest.approx(expected[name], rel=PEAK), name


@KINDS
def test_spectrum_of_a_region_is_that_of_gammapy(stacked, kind):
    found = stacked[kind].to_spectrum(REGION, containment_correction=True)
    expected = {key.split("|")[2]: value for key, value in REFERENCE.items() if key.startswith(f"{kind}|spectrum|")}
    assert {"counts", "background", "exposure", "mask_safe"} <= expected.keys()
    for part, its in expected.items():
        mine = getattr(found, part)
        np.testing.assert_allclose(np.asarray(mine, float), np.asarray(its, float), rtol=1e-6, err_msg=part)


def test_datasets_stack_over_the_box_of_all_runs(formula_maps, make_run):
    runs = Datasets(make_run(run) for run in formula_maps.RUNS)
    total = runs.stack()
    assert total.counts.sum() == sum(run.counts[run.safe].sum() for run in runs)


# --- files ----------------------------------------------------------------------------------------------------------


FLOAT64_IMAGES = ("BACKGROUND", "EXPOSURE", "EDISP", "EDISP_EXPOSURE", "PSF", "PSF_EXPOSURE")


def hdus_of_gammapy(run):
    """The HDUs of a dataset as gammapy lays them out (NUMERICS C.1), put together with astropy alone."""
    energy, true = (run.energy, "ENERGY", "E_MIN"), (run.energy_true, "ENERGY_TRUE", "ENERGY_TRUE_MIN")
    rad = (run.psf.rad, "RAD", "RAD_MIN")
    squashed = {name: (axis.squash(), name, low) for axis, name, low in (energy, rad)}
    counts, irf = run.geometry, run.psf.geometry
    images = {
        "COUNTS": (run.counts, counts, "", energy),
        "EXPOSURE": (run.exposure.value, counts, "m2 s", true),
        "EDISP": (run.edisp.data, irf, "", energy, true),
        "EDISP_EXPOSURE": (run.edisp.exposure.value[:, None], irf, "m2 s", squashed["ENERGY"], true),
        "PSF": (run.psf.data, irf, "sr-1", rad, true),
        "PSF_EXPOSURE": (run.psf.exposure.value[:, None], irf, "m2 s", squashed["RAD"], true),
        "MASK_SAFE": (run.mask_safe.astype(np.int64), counts, "", energy),
    }
    for name in ("counts_off", "acceptance", "acceptance_off") if hasattr(run, "acceptance") else ("background",):
        images[name.upper()] = (getattr(run, name), counts, "", energy)
    hdus = [fits.PrimaryHDU(header=fits.Header({"NAME": run.name, "CREATOR": "gammapy 2.1"}))]
    for name, (data, geometry, unit, *axes) in images.items():
        hdus += image_and_bands(name, np.array(data), geometry, unit, axes)
    hdus[3].header["META"] = json.dumps({"livetime": f"{float(run.livetime.value)!r} s", "is_pointlike": False})
    return fits.HDUList([*hdus, gti_table(run.gti), meta_table(run.meta)])


def image_and_bands(name, data, geometry, unit, axes):
    """An image with its axes, the fastest first, and the table of all bins."""
    cards = {"EXTNAME": name, "BUNIT": unit, "META": "{}", "BANDSHDU": f"{name}_BANDS"}
    places = [_.ravel() for _ in np.indices([axis.nbin for axis, *_ in axes[::-1]])[::-1]]
    columns = [fits.Column("CHANNEL", "K", array=np.arange(len(places[0])))]
    for number, (place, (axis, title, low)) in enumerate(zip(places, axes, strict=True), 1):
        high = low.replace("MIN", "MAX")
        cards |= {f"AXCOLS{number}": f"{low},{high}", f"INTERP{number}": axis.interp}
        values = {title: axis.center.value, low: axis.edges.value[:-1], high: axis.edges.value[1:]}
        unit_of_axis = axis.unit.to_string("fits")
        columns += [fits.Column(key, "D", unit_of_axis, array=one[place]) for key, one in values.items()]
    data = data.astype(float) if name in FLOAT64_IMAGES else data
    image = fits.ImageHDU(data, fits.Header({**geometry.header_cards(), **cards}))
    return image, fits.BinTableHDU.from_columns(columns, name=f"{name}_BANDS")


def gti_table(gti):
    columns = [fits.Column(name, "D", "s", array=getattr(gti, name.lower())) for name in ("START", "STOP")]
    whole, part = divmod(gti.reference.tt.mjd, 1)
    header = fits.Header({"MJDREFI": int(whole), "MJDREFF": part, "TIMESYS": "tt"})
    return fits.BinTableHDU.from_columns(columns, header, name="GTI")


def meta_table(meta):
    """One row; what several runs have are vectors."""
    n = len(meta["OBS_ID"])
    formats = {"TELESCOP": (f"{4 * n}A", f"(4,{n})"), "OBS_ID": (f"{n}K", None)}
    columns = []
    for name, values in meta.items():
        letter, dimensions = formats.get(name, (f"{n}D", None))
        columns.append(fits.Column(name, letter, dim=dimensions, array=np.array([values])))
    return fits.BinTableHDU.from_columns(columns, name="META_TABLE")


@pytest.fixture
def gammapy_file(stacked, make_run, tmp_path):
    """A run or the stack, and a packed file of it that has the layout of gammapy."""

    def write(kind, is_stack):
        dataset = stacked[kind] if is_stack else make_run(23559, kind)
        path = tmp_path / "gammapy.fits.gz"
        hdus_of_gammapy(dataset).writeto(path)
        return dataset, path

    return write


@KINDS
@pytest.mark.parametrize("is_stack", [False, True])
def test_files_with_the_layout_of_gammapy_are_read(gammapy_file, kind, is_stack):
    first, path = gammapy_file(kind, is_stack)
    found = read_map_dataset(path)
    assert type(found) is type(first)
    assert_same(found, first)
    assert (found.name, found.livetime, found.meta) == (first.name, first.livetime, first.meta)
    assert found.geometry.same_as(first.geometry)
    for axis in ("energy", "energy_true"):
        assert getattr(found, axis).same_as(getattr(first, axis), rtol=0)
        assert getattr(found, axis).interp == "log"
    assert found.psf.rad.same_as(first.psf.rad, rtol=0)
    assert abs(found.gti.time_start - first.gti.time_start).to_value("s").max() < 1e-6
    assert found.gti.ontime.to_value("s") == pytest.approx(first.gti.ontime.to_value("s"), abs=1e-6)


@KINDS
def test_files_of_gammapy_survive_our_writing(gammapy_file, tmp_path, kind):
    first = read_map_dataset(gammapy_file(kind, is_stack=True)[1])
    again = read_map_dataset(write_map_dataset(first, tmp_path / "x.fits"))
    assert_same(again, first)
    assert (again.livetime, again.meta, again.name) == (first.livetime, first.meta, first.name)


def test_fermi_crab_is_read(gammapy_data):
    dataset = read_datasets(gammapy_data / "fermi-3fhl-crab/Fermi-LAT-3FHL_datasets.yaml")["Fermi-LAT"]
    assert dataset.counts.shape == (5, 40, 50)
    assert (dataset.info()["n_on"], dataset.info()["n_on_safe"]) == (3004, 2932)
    assert dataset.psf.geometry.shape == (1, 2)  # all of the sky in two pixels
    assert dataset.psf.rad.name == "rad"
    assert dataset.psf.energy_true.nbin == 17
    assert dataset.edisp.data.shape == (5, 5, 20, 25)
    assert dataset.exposure.max().to_value("cm2 s") == pytest.approx(3.144165437e11)


def test_fermi_crab_survives_our_writing(gammapy_data, tmp_path):
    first = read_map_dataset(gammapy_data / "fermi-3fhl-crab/Fermi-LAT-3FHL_data_Fermi-LAT.fits", "Fermi-LAT")
    path = write_map_dataset(first, tmp_path / "fermi.fits")
    again = read_map_dataset(path)
    assert_same(again, first)
    assert again.psf.energy_true.same_as(first.psf.energy_true, rtol=0)
    content = path.read_bytes()
    assert write_map_dataset(again, path).read_bytes() == content


def test_containment_of_the_fermi_psf_is_that_of_gammapy(gammapy_data):
    """The psf has 17 nodes of energy, the exposure 5 bins; numbers of PSFMap.containment at their centers."""
    dataset = read_map_dataset(gammapy_data / "fermi-3fhl-crab/Fermi-LAT-3FHL_data_Fermi-LAT.fits")
    circle = CircleSkyRegion(REGION.center, 0.5 * u.deg)
    corrected, plain = (replace(dataset, mask_safe=None).to_spectrum(circle, correct) for correct in (True, False))
    expected = [0.93535157, 0.9552166, 0.96779901, 0.97811495, 0.98740651]
    np.testing.assert_allclose((corrected.exposure / plain.exposure).value, expected, rtol=1e-7)

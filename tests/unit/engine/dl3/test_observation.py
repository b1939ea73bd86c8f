"""One run: livetime, pointing, cuts, pickling, one reading of each file."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, SkyCoord

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3 import fits_file
from gammapy_hli.engine.dl3.events import read_events
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.background import Background3D


@pytest.fixture
def open_run(builder, make_events, make_gti):
    """Make a store of one run from header changes and give the run."""

    def open_it(header=None, gti_rows=((1000.0, 2000.0),), **kwargs):
        builder.add(1, [make_events(1, header=header, **kwargs), make_gti(gti_rows)])
        return DataStore.open(builder.write()).observation(1)

    return open_it


def test_livetime_is_ontime_times_deadc(open_run):
    run = open_run(gti_rows=((1000.0, 1400.0), (1500.0, 1600.0)))
    assert run.ontime == 500 * u.s
    assert run.livetime.to_value("s") == pytest.approx(450)
    assert run.deadtime_fraction == pytest.approx(0.1)


@pytest.mark.parametrize(
    "rows",
    [
        ((1000.0, 2000.0), (1000.0, 2000.0)),
        ((1000.0, 1800.0), (1200.0, 2000.0)),
        ((1500.0, 2000.0), (1000.0, 1600.0), (1100.0, 1200.0)),
    ],
    ids=["twice", "overlap", "in any order"],
)
def test_time_that_is_in_two_intervals_counts_once(open_run, rows, caplog):
    run = open_run(gti_rows=rows)
    assert run.ontime == 1000 * u.s
    assert "good time intervals overlap" in caplog.text
    part = run.select_time(Gti(run.gti.start[:1], run.gti.start[:1] + 300.0, run.gti.reference))
    assert part.ontime == 300 * u.s


@pytest.mark.parametrize(
    ("header", "fraction"),
    [({"DEADC": None}, 0.9), ({"DEADC": None, "LIVETIME": 800.0}, 0.8), ({"DEADC": None, "LIVETIME": None}, 1.0)],
    ids=["livetime-over-ontime", "other-livetime", "nothing"],
)
def test_dead_time_without_deadc(open_run, header, fraction):
    assert open_run(header).livetime.to_value("s") == pytest.approx(1000 * fraction)


@pytest.mark.parametrize(
    "header",
    [{"DEADC": 0.0}, {"DEADC": 1.5}, {"DEADC": "x"}, {"DEADC": None, "ONTIME": 0.0}],
    ids=["zero", "above-one", "text", "zero-ontime"],
)
def test_impossible_dead_time_names_file_and_keyword(open_run, header):
    with pytest.raises(InputError, match=r"run_1\.fits\.gz, HDU EVENTS: dead time correction .*expected more than 0"):
        _ = open_run(header).livetime


@pytest.mark.parametrize("system", ["FK5", "ICRS", ""])
def test_pointing_is_icrs_whatever_the_label(open_run, system):
    run = open_run({"RADECSYS": system, "EQUINOX": ""})
    assert (run.pointing.ra.deg, run.pointing.dec.deg) == (83.0, 22.0)
    assert run.pointing.frame.name == "icrs"


@pytest.mark.parametrize("key", ["RA_PNT", "DEC_PNT"])
@pytest.mark.parametrize("value", [None, "x"])
def test_missing_pointing_names_file_and_keyword(open_run, key, value):
    with pytest.raises(InputError, match=rf"HDU EVENTS: keyword {key} is {value!r}, expected a number"):
        _ = open_run({key: value}).pointing


def test_declination_beyond_the_pole(open_run):
    with pytest.raises(InputError, match=r"DEC_PNT is 95\.0, expected -90 to 90"):
        _ = open_run({"DEC_PNT": 95.0}).pointing


def test_drift_run_points_at_fixed_altitude_at_mid_time(open_run):
    run = open_run({"OBS_MODE": "drift", "MJDREFI": 53000, "RA_PNT": None, "DEC_PNT": None})
    assert run.is_drift
    there = run.pointing
    assert there.frame.name == "icrs"
    with bundled_earth_rotation():
        back = there.transform_to(AltAz(obstime=run.tmid, location=run.location))
    assert back.alt.deg == pytest.approx(70.0, abs=1e-6)
    assert back.az.deg == pytest.approx(10.0, abs=1e-6)


@pytest.mark.parametrize("key", ["ALT_PNT", "GEOLON"])
def test_drift_run_without_altitude_or_place(open_run, key):
    run = open_run({"OBS_MODE": "DRIFT", key: None})
    with pytest.raises(InputError, match=f"keyword {key} is None, expected a number"):
        _ = run.pointing


@pytest.mark.parametrize(
    ("header", "zenith"), [({}, 20.0), ({"ALT_PNT": None, "ZEN_PNT": 33.0}, 33.0), ({"ALT_PNT": None}, np.nan)]
)
def test_zenith_from_altitude_or_keyword(open_run, header, zenith):
    assert open_run(header).zenith.to_value("deg") == pytest.approx(zenith, nan_ok=True)


def test_events_outside_the_good_time_are_kept(open_run):
    assert len(open_run(gti_rows=((1000.0, 1200.0),)).events) == 10


def test_select_time_cuts_events_and_intervals(open_run):
    run = open_run(gti_rows=((1000.0, 1400.0), (1500.0, 2000.0)))
    part = run.select_time(Gti([1250.0], [1750.0], run.gti.reference), name="1_0")
    assert part.events.time.tolist() == [1250.0, 1350.0, 1450.0, 1550.0, 1650.0]
    assert part.ontime.value == pytest.approx(400)
    assert part.livetime.value == pytest.approx(360)
    assert (part.name, part.obs_id, run.name) == ("1_0", 1, "1")
    assert len(run.events) == 10


def test_select_time_twice_is_the_common_part(open_run):
    run = open_run()
    clock = run.gti.reference
    part = run.select_time(Gti([1000.0], [1500.0], clock)).select_time(Gti([1400.0], [1900.0], clock))
    assert part.ontime.value == pytest.approx(100)


def test_select_time_outside_the_run_is_an_empty_run(open_run):
    part = open_run().select_time(Gti([5000.0], [6000.0]))
    assert len(part.events) == 0
    assert part.livetime.value == 0


def test_select_energy_twice_is_the_common_range(open_run):
    run = open_run().select_energy(minimum=3 * u.TeV).select_energy(2 * u.TeV, 6000 * u.GeV)
    assert run.events.energy.tolist() == [3.0, 4.0, 5.0]


def test_a_run_without_gti_takes_the_times_of_the_events_header(builder, make_events):
    builder.add(1, [make_events(1)])
    run = DataStore.open(builder.write()).observation(1)
    assert run.livetime.to_value("s") == pytest.approx(900)


def test_a_run_is_read_once_and_zipped_pickles_are_small(open_run, monkeypatch):
    run = open_run()
    reads = []
    read_bytes = fits_file.read_bytes
    monkeypatch.setattr(fits_file, "read_bytes", lambda path: reads.append(path) or read_bytes(path))
    part = run.select_time(Gti([1000.0], [1500.0], run.gti.reference))
    for one in (run, part):
        _ = one.events, one.gti, one.pointing, one.livetime
    assert len(reads) == 1
    again = pickle.loads(pickle.dumps(part))
    assert len(reads) == 1
    np.testing.assert_array_equal(again.events.time, part.events.time)
    assert len(pickle.dumps(part)) < 4000
    run.release()
    assert len(run.events) == 10
    assert len(reads) == 3


def test_a_shared_response_is_parsed_once_until_its_file_changes(builder, make_events, make_gti, monkeypatch):
    for obs_id in (1, 2):
        builder.add(obs_id, [make_events(obs_id), make_gti()], kinds=())
        builder.row(obs_id, "aeff", "aeff_2d", "", "irf.fits", "GTI")
    make_gti().writeto(builder.folder / "irf.fits")
    store = DataStore.open(builder.write())
    parsed = []
    monkeypatch.setattr(
        "gammapy_hli.engine.dl3.run_source.FileSource._parse_irf", lambda self, kind: parsed.append(kind) or object()
    )
    first, second = (store.observation(obs_id).aeff for obs_id in (1, 2))
    assert first is second
    make_gti(rows=((0.0, 1.0), (2.0, 3.0)), header={"EXTRA": 1}).writeto(builder.folder / "irf.fits", overwrite=True)
    (builder.folder / "irf.fits").touch()
    assert store.observation(1).aeff is not first
    assert parsed == ["aeff", "aeff"]


def test_missing_responses_are_none(open_run):
    assert open_run().psf is None


@pytest.mark.parametrize(
    ("header", "alignment"),
    [
        ({"CREATOR": "SASH FITS::EventListWriter", "HDUVERS": "0.2"}, "REVERSE_LON_RADEC"),
        ({"CREATOR": "SASH FITS::EventListWriter", "HDUVERS": "0.3"}, "RADEC"),
        ({}, "RADEC"),
    ],
)
def test_background_of_the_hess_writer_is_turned(make_events, header, alignment):
    axes = (
        Axis.from_energy_bounds(1 * u.TeV, 10 * u.TeV, nbin=2),
        Axis.from_edges([-1, 0, 1] * u.deg, "fov_lon", "lin"),
        Axis.from_edges([-1, 0, 1] * u.deg, "fov_lat", "lin"),
    )
    bkg = Background3D(*axes, np.ones((2, 2, 2)) * u.Unit("s-1 MeV-1 sr-1"))
    events = read_events(FitsTable.from_hdu(make_events(header=header)))
    assert Observation.in_memory(1, events, Gti([0.0], [1.0]), bkg=bkg).bkg.fov_alignment == alignment


@pytest.mark.parametrize(("is_pointlike", "radius"), [(True, 0.1), (False, None)])
def test_cut_radius_from_the_keyword_of_a_point_like_response(make_events, is_pointlike, radius):
    energy = Axis.from_energy_bounds(1 * u.TeV, 10 * u.TeV, nbin=2, name="energy_true")
    offset = Axis.from_edges([0, 2] * u.deg, "offset", "lin")
    aeff = EffectiveArea(energy, offset, np.ones((2, 1)) * u.m**2, is_pointlike=is_pointlike, rad_max=0.1 * u.deg)
    run = Observation.in_memory(1, read_events(FitsTable.from_hdu(make_events())), Gti([0.0], [1.0]), aeff=aeff)
    assert run.rad_max is None if radius is None else run.rad_max.data.to_value("deg").item() == radius


def test_an_observation_in_memory(make_events):
    events = read_events(FitsTable.from_hdu(make_events(5)))
    run = Observation.in_memory(5, events, Gti([1000.0], [1100.0], events.reference), aeff="an effective area")
    assert run.livetime.value == pytest.approx(90)
    assert run.aeff == "an effective area"
    assert run.psf is None
    assert run.pointing.separation(SkyCoord(83.0, 22.0, unit="deg")).deg == 0
    assert pickle.loads(pickle.dumps(run)).kinds == ("events", "gti", "aeff")


def test_summary_names_run_and_livetime(open_run):
    text = repr(open_run())
    assert "900.0 s" in text
    assert "83.0000 deg" in text

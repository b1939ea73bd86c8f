"""Phases of an ephemeris, and times at the barycenter."""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord, get_body_barycentric
from astropy.time import Time

from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.components.ephemeris import EphemerisOptions
from gammapy_hli.core.traits import Time as TimeOption
from gammapy_hli.engine.dl3.ephemeris import Ephemeris, barycentric

EPOCH = Time(53000.0, format="mjd", scale="tt")


def test_phase_is_the_taylor_series():
    t = np.array([0.0, 10.0, -1e5, 3e6])
    found = Ephemeris(EPOCH, 0.25, f1=-3e-9, f2=2e-16, phase0=0.1).cycles(EPOCH + t * u.s)
    # a time is good to 1e-9 s
    assert found == pytest.approx(0.1 + 0.25 * t - 1.5e-9 * t**2 + 2e-16 / 6 * t**3, abs=1e-9)


def test_phase_is_wrapped_and_cycles_are_not():
    crab = Ephemeris(EPOCH, 2.0)
    time = EPOCH + np.array([-0.1, 0.0, 0.6]) * u.s
    assert crab.phase(time) == pytest.approx([0.8, 0.0, 0.2])
    assert crab.cycles(time) == pytest.approx([-0.2, 0.0, 1.2])


def test_frequency_is_the_slope_of_the_cycles():
    source = Ephemeris(EPOCH, 0.25, f1=-3e-8, f2=2e-14)
    t = 5e5
    low, high = source.cycles(EPOCH + np.array([t - 1.0, t + 1.0]) * u.s)
    assert source.frequency_at(EPOCH + t * u.s) == pytest.approx((high - low) / 2, rel=1e-7)


def test_a_pulsar_keeps_its_phase_for_ten_years():
    turns = 29.9 * 3.2e8
    assert Ephemeris(EPOCH, 29.9).cycles(EPOCH + 3.2e8 * u.s) == pytest.approx(turns, abs=1e-4)


@pytest.mark.parametrize("scale", ["utc", "tai", "tt", "tdb"])
def test_the_scale_of_the_times_does_not_matter(scale):
    time = Time([53000.1, 53400.7], format="mjd", scale="tt")
    source = Ephemeris(EPOCH, 1.0)
    assert source.cycles(getattr(time, scale)) == pytest.approx(source.cycles(time), abs=2e-3)  # TDB: 1.7 ms
    assert source.cycles(time.mjd) == pytest.approx(source.cycles(time), abs=1e-6)


def test_utc_seconds_are_si_seconds_over_a_leap_second():
    before = Time("2016-12-31T23:59:59", scale="utc")
    assert Ephemeris(before, 1.0).cycles(Time("2017-01-01T00:00:00", scale="utc")) == pytest.approx(2.0)


def test_the_light_of_a_source_behind_the_earth_is_late_at_the_barycenter():
    time = Time("2006-07-29T00:00:00", scale="utc")
    earth = get_body_barycentric("earth", time)
    along = SkyCoord(earth).transform_to("icrs")
    light = (earth.norm() / (299792458 * u.m / u.s)).to_value(u.s)
    away, toward = (
        (barycentric(time, SkyCoord(lon, lat)) - time.tdb).to_value(u.s)
        for lon, lat in ((along.ra, along.dec), (along.ra + 180 * u.deg, -along.dec))
    )
    assert away == pytest.approx(light, abs=1e-4)  # the Earth meets the wave first
    assert toward == pytest.approx(-light, abs=1e-4)


def test_the_place_on_earth_is_worth_21_ms():
    time = Time("2006-07-29T00:00:00", scale="utc") + np.linspace(0, 1, 25) * u.day
    crab = SkyCoord(83.633, 22.0145, unit="deg")
    place = EarthLocation.from_geodetic(16.5 * u.deg, -23.27 * u.deg, 1800 * u.m)
    difference = (barycentric(time, crab, place) - barycentric(time, crab)).to_value(u.s)
    across = 6.378e6 * np.cos(np.radians(23.27)) * np.cos(np.radians(22.0)) / 3e8
    assert np.ptp(difference) == pytest.approx(2 * across, rel=0.02)


def test_barycenter_enters_the_phase():
    crab = SkyCoord(83.633, 22.0145, unit="deg")
    time = Time("2006-07-29T00:00:00", scale="utc")
    there = barycentric(time, crab)
    epoch = Time(53900.0, format="mjd", scale="tdb")
    assert Ephemeris(epoch, 30.0, position=crab).cycles(time) == Ephemeris(epoch, 30.0).cycles(there)


def test_times_outside_of_its_validity_are_an_error():
    start, stop = Time([53000.0, 53010.0], format="mjd", scale="tt")
    source = Ephemeris(EPOCH, 1.0, start=start, stop=stop)
    assert source.phase(Time([53000.0, 53010.0], format="mjd", scale="tt")).shape == (2,)
    assert source.phase(np.zeros(0)).shape == (0,)
    late = r"MJD 53011\.00000 TT\) is outside the ephemeris, which is valid from 2003-12-26T23:58:55\.816 \(MJD 53000"
    with pytest.raises(InputError, match=late):
        source.phase(np.array([53005.0, 53011.0]))
    with pytest.raises(InputError, match=r"MJD 52999\.00000 TT\)"):
        source.phase(np.array([53005.0, 52999.0]))


@pytest.mark.parametrize("frequency", [0.0, -1.0, np.nan])
def test_a_source_that_does_not_turn_is_refused(frequency):
    with pytest.raises(ValueError, match="frequency of an ephemeris is"):
        Ephemeris(EPOCH, frequency)


def test_validity_must_increase():
    with pytest.raises(ValueError, match="expected an increasing pair"):
        Ephemeris(EPOCH, 1.0, start=EPOCH, stop=EPOCH)


def test_options_make_the_ephemeris():
    options = EphemerisOptions(epoch={"mjd": 53743.0, "scale": "tdb"}, period="2 s", f1="-1e-10 Hz s-1", phase=0.3)
    made = options.ephemeris()
    assert (made.frequency, made.f1, made.f2, made.phase0) == (0.5, -1e-10, 0.0, 0.3)
    assert made.epoch.scale == "tdb"
    assert made.start is None
    assert made.position is None
    text = EphemerisOptions(
        epoch="2006-07-29T00:00:00", frequency="1 Hz", valid=["2006-01-01", "2007-01-01"]
    ).ephemeris()
    assert text.epoch.scale == "utc"
    assert text.stop.isot.startswith("2007-01-01")
    moved = EphemerisOptions(epoch="2006-07-29", frequency="1 Hz", barycenter=True, position="83 deg, 22 deg")
    assert moved.ephemeris().position.ra.deg == pytest.approx(83)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epoch": {"mjd": 53743.0}}, "epoch: no scale is given"),
        ({"frequency": "1 Hz", "period": "1 s"}, "period"),
        ({"frequency": "30"}, "has no unit"),
        ({"period": "0 s"}, "period: '0 s' is out of range"),
        ({"f1": "1 Hz"}, "f1"),
        ({"valid": ["2006-01-01"]}, "valid"),
    ],
)
def test_mistakes_of_an_ephemeris(options, words):
    with pytest.raises(ConfigError) as error:
        EphemerisOptions(options)
    assert words in str(error.value)


def test_a_validity_beyond_the_known_leap_seconds_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start, stop = (TimeOption().parse(text) for text in ("2000-01-01", "2040-01-01"))
        ephemeris = Ephemeris(Time(53000.0, format="mjd", scale="tdb"), 2.0, start=start, stop=stop)
        ephemeris.check_valid(Time("2010-01-01T00:00:00"))
        with pytest.raises(InputError, match=r"valid from 2000-01-01.* to 2040-01-01"):
            ephemeris.check_valid(Time("1999-01-01T00:00:00"))

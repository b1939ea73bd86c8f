"""Directions at the horizon without a network and for dates that no table holds."""

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from gammapy_hli.base.earth_rotation import bundled_earth_rotation

NAMIBIA = EarthLocation.from_geodetic(16.5 * u.deg, -23.27 * u.deg, 1800 * u.m)


@pytest.mark.parametrize("days", [0.0, 800.0], ids=["today", "after the tables"])
def test_nothing_is_fetched_and_every_date_is_good(monkeypatch, days):
    monkeypatch.setattr(iers.iers, "download_file", lambda *_, **__: pytest.fail("the network was asked"))
    frame = AltAz(obstime=Time(Time.now().tt.mjd + days, format="mjd", scale="tt"), location=NAMIBIA)
    with iers.conf.set_temp("auto_max_age", 10), bundled_earth_rotation():
        zenith = SkyCoord(alt=90 * u.deg, az=0 * u.deg, frame=frame).icrs
    assert zenith.dec.deg == pytest.approx(-23.27, abs=0.5)  # precession since 2000


def test_settings_come_back():
    before = [getattr(iers.conf, name) for name in ("auto_download", "auto_max_age", "iers_degraded_accuracy")]
    with bundled_earth_rotation():
        assert not iers.conf.auto_download
    assert [getattr(iers.conf, name) for name in ("auto_download", "auto_max_age", "iers_degraded_accuracy")] == before

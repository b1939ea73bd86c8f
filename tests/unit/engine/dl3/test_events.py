"""Event lists: columns, units, cuts, odd files."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.events import read_events
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.dl3.gti import Gti


def read(hdu):
    return read_events(FitsTable.from_hdu(hdu, "run.fits"))


def test_columns_are_float64_in_seconds_degrees_and_tev(make_events):
    events = read(make_events(units={"ENERGY": "GeV"}))
    np.testing.assert_allclose(events.energy, np.arange(1, 11) * 1e-3, rtol=1e-15)
    assert {values.dtype for values in (events.time, events.ra, events.dec, events.energy)} == {np.dtype(float)}
    assert events.ra[0] == 83.5


def test_units_default_to_degrees_seconds_and_the_keyword_eunit(make_events):
    bare = dict.fromkeys(("TIME", "RA", "DEC", "ENERGY"))
    events = read(make_events(units=bare, header={"EUNIT": "GeV", "TIMEUNIT": None}))
    assert (events.time[0], events.ra[0], events.energy[0]) == (1050.0, 83.5, pytest.approx(1e-3))


def test_energies_without_any_unit_are_tev(make_events):
    assert read(make_events(units={"ENERGY": None}, header={"EUNIT": None})).energy[0] == 1.0


def test_radians_become_degrees(make_events):
    assert read(make_events(units={"RA": "rad"})).ra[0] == pytest.approx(np.degrees(83.5) % 360)


def test_right_ascensions_are_wrapped():
    ra = np.array([-92.5, 360.0, 359.75, 0.0, 725.0], "f4")
    events = read(events_with_ra(ra))
    assert events.ra.tolist() == [267.5, 0.0, 359.75, 0.0, 5.0]


def events_with_ra(ra):
    columns = [fits.Column(n, "E", array=ra if n == "RA" else np.ones(5)) for n in ("TIME", "RA", "DEC", "ENERGY")]
    hdu = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    hdu.header["MJDREFI"] = 51544
    return hdu


def test_an_empty_table_is_an_empty_event_list(make_events):
    events = read(make_events(n=0))
    assert len(events) == 0
    assert len(events.select_energy(1 * u.TeV)) == 0


def test_event_numbers_may_be_missing_or_repeated(make_events):
    assert read(make_events(without=("EVENT_ID",))).event_id.tolist() == list(range(10))
    repeated = read(make_events(columns={"EVENT_ID": np.full(10, 7)}))
    assert len(repeated) == 10


def test_times_need_not_be_in_order(make_events):
    late_first = 2000.0 - 100.0 * np.arange(10)
    events = read(make_events(columns={"TIME": late_first}))
    cut = events.select_time(Gti([1500.0], [1700.0], events.reference))
    assert cut.time.tolist() == [1600.0, 1500.0]


def test_other_columns_are_kept_and_cut_along(make_events):
    events = read(make_events(columns={"PHASE": np.linspace(0, 0.9, 10)}))
    cut = events.select_energy(5 * u.TeV, 7 * u.TeV)
    assert cut.energy.tolist() == [5.0, 6.0]
    np.testing.assert_allclose(cut.extra["PHASE"], [0.4, 0.5])


@pytest.mark.parametrize("column", ["TIME", "RA", "DEC", "ENERGY"])
def test_missing_column_is_named_with_those_there(make_events, column):
    with pytest.raises(InputError, match=rf"run\.fits, HDU EVENTS: no column '{column}'; found EVENT_ID"):
        read(make_events(without=(column,)))


@pytest.mark.parametrize(("column", "unit"), [("ENERGY", "m"), ("RA", "TeV"), ("TIME", "deg")])
def test_unit_of_another_kind_is_named(make_events, column, unit):
    with pytest.raises(InputError, match=f"column {column}: unit '{unit}' does not convert to"):
        read(make_events(units={column: unit}))


def test_vector_column_where_numbers_are_due(make_events):
    with pytest.raises(InputError, match=r"column ENERGY: expected one number a row, got \(2,\) numbers"):
        read(make_vector_energy(make_events))


def make_vector_energy(make_events):
    hdu = make_events(n=3, without=("ENERGY",))
    columns = [*hdu.columns, fits.Column("ENERGY", "2E", unit="TeV", array=np.ones((3, 2)))]
    made = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    made.header.update({key: hdu.header[key] for key in ("MJDREFI", "MJDREFF", "TIMESYS")})
    return made


def test_missing_reference_time(make_events):
    with pytest.raises(InputError, match=r"run\.fits, HDU EVENTS: no keyword MJDREFI"):
        read(make_events(header={"MJDREFI": None, "MJDREFF": None}))


def test_header_facts_leave_out_blank_ones(make_events):
    meta = read(make_events(header={"OBJECT": "  ", "EQUINOX": ""})).meta
    assert meta["TELESCOP"] == "TOY"
    assert "OBJECT" not in meta


def test_directions_and_times_as_astropy_objects(make_events):
    events = read(make_events())
    assert events.radec.dec[0].deg == 22.25
    assert (events.times[1] - events.times[0]).to_value("s") == pytest.approx(100)

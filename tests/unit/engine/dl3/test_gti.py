"""Good time intervals: algebra, clocks, files."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.dl3.gti import Gti, gti_from_events_header, read_gti
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE, read_reference

INTERVALS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=6
)


def gti(*rows, reference=DEFAULT_REFERENCE):
    start, stop = np.array(rows, dtype=float).reshape(-1, 2).T
    return Gti(start, stop, reference)


def rows(intervals):
    return list(zip(intervals.start.tolist(), intervals.stop.tolist(), strict=True))


def seconds_in(intervals):
    """Whole seconds inside, each once: an independent way to measure."""
    return {second for start, stop in intervals for second in range(int(start), int(stop))}


def test_ontime_is_the_sum_of_the_intervals():
    assert gti((0, 10), (20, 25)).ontime == 15 * u.s


def test_start_stop_and_middle_of_several_intervals():
    several = gti((0, 10), (20, 30))
    assert (several.tmid - several.tstart).to_value("s") == pytest.approx(15)
    assert (several.tstop - several.tstart).to_value("s") == pytest.approx(30)


@given(INTERVALS, INTERVALS)
def test_intersection_and_union_are_those_of_sets_of_seconds(one, other):
    assert seconds_in(rows(gti(*one).intersect(gti(*other)))) == seconds_in(one) & seconds_in(other)
    union = Gti.union([gti(*one), gti(*other)])
    assert seconds_in(rows(union)) == seconds_in(one) | seconds_in(other)
    assert union.ontime.value == len(seconds_in(one) | seconds_in(other))


@given(INTERVALS)
def test_contains_is_start_inclusive_and_stop_exclusive(intervals):
    time = np.arange(60.0)
    inside = set(np.flatnonzero(gti(*intervals).contains(time)).tolist())
    assert inside == seconds_in(intervals)


def test_union_merges_touching_intervals():
    assert rows(Gti.union([gti((0, 5)), gti((5, 8))])) == [(0, 8)]


def test_union_of_nothing_is_empty():
    assert len(Gti.union([])) == 0


def test_intersection_on_clocks_of_different_scales():
    utc = Time(51544, 0, format="mjd", scale="utc")
    leap = 64.184  # TT - UTC at J2000 [s]
    cut = gti((0, 100)).intersect(gti((-leap + 10, -leap + 20), reference=utc))
    np.testing.assert_allclose([cut.start[0], cut.stop[0]], [10, 20], atol=1e-6)
    assert cut.reference is DEFAULT_REFERENCE


def test_seconds_on_a_utc_clock_are_elapsed_seconds_across_a_leap_second():
    clock = Time("2016-12-31T00:00:00", scale="utc")
    day = gti((0, 86401), reference=clock)
    assert day.tstop.isot == "2017-01-01T00:00:00.000"


def test_from_times_gives_the_seconds():
    made = Gti.from_times(DEFAULT_REFERENCE + [1, 5] * u.s, DEFAULT_REFERENCE + [2, 9] * u.s)
    assert rows(made) == [(pytest.approx(1), pytest.approx(2)), (pytest.approx(5), pytest.approx(9))]


@pytest.mark.parametrize("fraction", [0.0, 0.000742870370370241, 0.0008007407407407407, 0.5])
@pytest.mark.parametrize("scale", ["tt", "utc"])
def test_file_round_trip_is_bitwise(tmp_path, fraction, scale):
    reference = read_reference({"MJDREFI": 51910, "MJDREFF": fraction, "TIMESYS": scale}, "here")
    written = Gti(np.array([0.1, 2e8 / 3]), np.array([0.2, 1e8]), reference)
    fits.HDUList([fits.PrimaryHDU(), written.to_hdu()]).writeto(tmp_path / "gti.fits")
    with fits.open(tmp_path / "gti.fits") as hdus:
        back = Gti.from_hdu(hdus["GTI"])
    assert rows(back) == rows(written)
    assert (back.reference.jd1, back.reference.jd2) == (reference.jd1, reference.jd2)
    assert back.reference.scale == scale


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        ([5.0], [4.0], r"interval 0 stops \(4.0 s\) before it starts \(5.0 s\)"),
        ([np.nan], [4.0], "finite"),
        ([1.0, 2.0], [4.0], r"shapes \(2,\) and \(1,\)"),
    ],
)
def test_impossible_intervals(start, stop, message):
    with pytest.raises(ValueError, match=message):
        Gti(np.array(start), np.array(stop))


def test_arrays_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        gti((0, 1)).start[0] = 5


def test_an_empty_list_has_no_start():
    with pytest.raises(InputError, match="no good time interval"):
        _ = Gti.empty().tstart
    assert Gti.empty().ontime == 0 * u.s


def table(hdu):
    return FitsTable.from_hdu(hdu, "run.fits")


def test_units_of_the_header_count_where_columns_have_none(make_gti):
    days = make_gti(rows=((1.0, 2.0),), header={"TIMEUNIT": "d"}, unit=None)
    assert rows(read_gti(table(days))) == [(86400.0, 172800.0)]


def test_units_default_to_seconds(make_gti):
    assert rows(read_gti(table(make_gti(header={"TIMEUNIT": None}, unit=None)))) == [(1000.0, 2000.0)]


@pytest.mark.parametrize("system", ["tt", "TT", "Tt ", "", None])
def test_time_system_of_any_case_defaults_to_tt(make_gti, system):
    assert read_gti(table(make_gti(header={"TIMESYS": system}))).reference.scale == "tt"


@pytest.mark.parametrize("system", ["UTC", "tai"])
def test_other_time_systems(make_gti, system):
    assert read_gti(table(make_gti(header={"TIMESYS": system}))).reference.scale == system.lower()


def test_reference_of_the_events_counts_where_the_table_has_none(make_gti):
    bare = make_gti(header={"MJDREFI": None, "MJDREFF": None})
    assert read_gti(table(bare), DEFAULT_REFERENCE).reference is DEFAULT_REFERENCE


def test_reference_as_text_and_as_one_number():
    text = read_reference({"MJDREFI": "51544", "MJDREFF": "0.5"}, "x")
    assert text.mjd == read_reference({"MJDREF": 51544.5}, "x").mjd == 51544.5


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"MJDREFI": None, "MJDREFF": None}, r"run\.fits, HDU GTI: no keyword MJDREFI"),
        ({"MJDREFI": "x"}, "MJDREFI, MJDREFF are 'x', 0.5; expected numbers"),
        ({"TIMESYS": "local"}, "TIMESYS is 'local', expected one of tt, utc, tai"),
        ({"TIMEUNIT": "m"}, "TIMEUNIT is 'm', expected a unit of time"),
    ],
    ids=["no-reference", "text", "system", "unit"],
)
def test_broken_headers(make_gti, header, message):
    with pytest.raises(InputError, match=message):
        read_gti(table(make_gti(header=header)))


def test_stop_before_start_names_the_row(make_gti):
    with pytest.raises(InputError, match=r"HDU GTI, columns START, STOP: interval 1 stops"):
        read_gti(table(make_gti(rows=((0.0, 1.0), (5.0, 2.0)))))


def test_missing_column_of_the_table(make_gti):
    hdu = make_gti()
    hdu.columns.change_name("STOP", "END")
    with pytest.raises(InputError, match="HDU GTI: no column 'STOP'; found START, END"):
        read_gti(table(hdu))


def test_without_a_table_the_events_header_tells(make_events):
    made = gti_from_events_header(make_events().header, "run.fits, HDU EVENTS")
    assert rows(made) == [(1000.0, 2000.0)]


@pytest.mark.parametrize("lost", ["TSTART", "TSTOP"])
def test_without_table_and_keywords_there_is_no_time(make_events, lost):
    with pytest.raises(InputError, match=r"run\.fits, HDU EVENTS: no GTI table, and keywords TSTART, TSTOP are"):
        gti_from_events_header(make_events(header={lost: None}).header, "run.fits, HDU EVENTS")


def test_summary_names_scale_and_ontime():
    assert "60.0 s" in repr(gti((0, 60)))
    assert "(tt)" in repr(gti((0, 60)))

"""Runs cut by intervals: which parts there are, what they hold, how often files are read."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

from gammapy_hli.base.errors import InputError, NothingSelectedError
from gammapy_hli.engine.dl3 import run_source
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.intervals import cut_runs, find_parts
from gammapy_hli.engine.dl3.observation_table import ObservationTable
from gammapy_hli.engine.dl3.observations import Observations
from gammapy_hli.engine.dl3.select import Selection, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.dl3.time_grid import MOST_INTERVALS, TimeGrid
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE, make_reference

#: Zero of the clock of the toy store; its run 1 lasts from 1000 s to 2000 s, with an event every 100 s from 1050 s.
ZERO = make_reference(51544.0, 0.5, "tt")
OFFSET = 43200.0
SPAN = {"TSTART": 3000.0, "TSTOP": 3500.0}


def start(seconds):
    return ZERO + seconds * u.s


@pytest.fixture
def store(builder, make_events, make_gti):
    """Run 1 from 1000 s to 2000 s, run 2 from 3000 s to 3500 s in two pieces with a pause of 100 s."""
    builder.add(1)
    builder.add(
        2,
        [
            make_events(
                2, n=5, header={"TSTART": 3000.0, "TSTOP": 3500.0}, columns={"TIME": 3450.0 - 100 * np.arange(5)}
            ),
            make_gti(((3000.0, 3200.0), (3300.0, 3500.0))),
        ],
        facts=SPAN,
    )
    return DataStore.open(builder.write())


def cut(store, grid):
    return Observations(cut_runs(store, select(store, Selection()), grid), store)


def test_parts_are_named_by_run_and_interval_and_share_out_the_events(store):
    parts = cut(store, TimeGrid(length=400 * u.s, start=start(900)))
    assert parts.names == ["1_0", "1_1", "1_2", "2_5", "2_6"]
    assert len(parts) == 5
    assert [len(part.events) for part in parts] == [3, 4, 3, 3, 2]
    assert [part.ontime.value for part in parts] == pytest.approx([300, 400, 300, 200, 200])
    assert [part.livetime.value for part in parts] == pytest.approx([270, 360, 270, 180, 180])
    assert [part.obs_id for part in parts] == [1, 1, 1, 2, 2]


def test_events_that_are_not_in_order_of_time_are_cut_as_others(store):
    times = np.concatenate([part.events.time for part in cut(store, TimeGrid(length=100 * u.s)) if part.obs_id == 2])
    assert sorted(times) == [3050, 3150, 3250, 3350, 3450]


def test_files_are_read_once_however_many_parts(store, monkeypatch):
    opened = []
    plain = run_source.FitsFile
    monkeypatch.setattr(run_source, "FitsFile", lambda path: opened.append(path) or plain(path))
    for part in cut(store, TimeGrid(length=50 * u.s)):
        assert part.gti is not None
        assert len(part.events) <= 1
        part.release()
    assert len(opened) == 2


def test_a_part_sent_to_another_process_is_the_same(store):
    part = cut(store, TimeGrid(length=400 * u.s, start=start(900)))["1_1"]
    copy = pickle.loads(pickle.dumps(part))
    assert copy.name == "1_1"
    assert copy.events.time.tolist() == part.events.time.tolist() == [1350, 1450, 1550, 1650]
    assert copy.livetime == part.livetime


def test_runs_outside_all_intervals_are_left_out_with_their_reason(store):
    observations = cut(store, TimeGrid(length=600 * u.s, start=start(900), number=2))
    assert observations.ids == [1]
    (reason,) = [row["reason"] for row in observations.table.table if row["obs_id"] == 2]
    assert "+ 500 s is outside all intervals" in reason


def test_intervals_that_hold_no_run_are_told(store):
    with pytest.raises(NothingSelectedError, match=r"none of the 2 selected runs shares an instant with the intervals"):
        cut(store, TimeGrid(length=60 * u.s, start=start(90000), number=2))


def test_the_table_keeps_intervals_and_parts_in_its_file(store, tmp_path):
    observations = cut(store, TimeGrid(edges=start(np.array([1000.0, 1500.1, 3100.0]))))
    observations.table.write(tmp_path / "o.ecsv")
    again = Observations(ObservationTable.read(tmp_path / "o.ecsv"), store)
    assert again.names == observations.names == ["1_0", "1_1", "2_1"]
    assert again.intervals.start.tolist() == observations.intervals.start.tolist()
    assert again.intervals.stop.tolist() == observations.intervals.stop.tolist()


def test_a_part_and_a_whole_run_are_found_by_name(store):
    observations = cut(store, TimeGrid(length=400 * u.s, start=start(900)))
    assert len(observations["1_2"].events) == 3
    assert len(observations["1"].events) == len(observations[1].events) == 10
    with pytest.raises(KeyError, match=r"run 1_9 is not selected\. Did you mean '1_"):
        observations["1_9"]


def test_intervals_without_start_and_number_cover_the_runs(store):
    grid = TimeGrid(length=300 * u.s).intervals(
        Gti([OFFSET + 1000.0, OFFSET + 3000.0], [OFFSET + 2000.0, OFFSET + 3500.0])
    )
    assert grid.start[0] == OFFSET + 1000
    assert len(grid) == 9
    assert grid.stop[-1] >= OFFSET + 3500


def test_a_start_in_utc_is_taken_as_utc():
    grid = TimeGrid(length=60 * u.s, start=Time("2006-07-29T20:30:00"), number=1).intervals(Gti([0.0], [1.0]))
    assert (DEFAULT_REFERENCE + grid.start[0] * u.s).utc.isot == "2006-07-29T20:30:00.000"


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (TimeGrid(edges=Time(["2020-01-01", "2020-01-03", "2020-01-02"])), "must increase; got 3 edges"),
        (TimeGrid(), "need a length, edges or ranges"),
        (TimeGrid(length=1 * u.ms), "intervals of 1.0 ms would be needed"),
    ],
    ids=["order", "nothing", "too many"],
)
def test_intervals_that_make_no_sense_are_refused(grid, words):
    with pytest.raises(InputError, match=words):
        grid.intervals(Gti([0.0], [MOST_INTERVALS / 100]))


def test_runs_of_unknown_time_share_nothing():
    assert find_parts(np.array([np.nan, 0.0]), np.array([np.nan, 1.0]), Gti([0.0], [1.0])).tolist() == [[1, 0]]


def test_what_a_run_remembers_is_made_once_and_kept_apart_by_key(store):
    made, one, other = [], object(), object()
    for part in cut(store, TimeGrid(length=250 * u.s)):
        for key in (one, one):
            part.remember("number", key, lambda part=part: made.append(part.obs_id))
    assert made == [1, 2]
    part.remember("number", other, lambda: made.append(3))
    assert made == [1, 2, 3]

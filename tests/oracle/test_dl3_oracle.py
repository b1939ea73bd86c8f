"""Real DL3 files against gammapy 2.1: livetime, events, pointing, times, selections.

The numbers were printed by gammapy 2.1 (`DataStore.obs(...)`, `ObservationTable.select_observations`) in an environment
of its own; times are MJD in TT. Tolerances are float64 rounding: sums of seconds 1e-9, MJD 1e-10 days (10 us).
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time

from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.select import ColumnCut, Cone, Selection, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.irf.reader import read_irf

HESS, MAGIC, CTA, MINIMAL = "hess-dl3-dr1", "magic/rad_max/data", "cta-1dc/index/gps", "tests/minimal_datastore"


class Run(NamedTuple):
    store: str
    obs_id: int
    livetime: float  # [s]
    ontime: float  # [s]
    n_events: int
    ra: float  # [deg]
    dec: float  # [deg]
    tstart: float  # MJD TT
    tstop: float  # MJD TT
    energy_sum: float  # [TeV]
    ra_sum: float  # [deg]
    last_event: float  # MJD TT


CRAB_1 = (
    1581.736764695497, 1687.0, 7613, 83.633333333333, 21.514444444444, 53343.92234009259, 53343.94186555556,
    33634.29249767959, 636280.4169082642, 53343.94186562807,
)  # fmt: skip
CRAB_2 = (
    1572.6867490857787, 1683.0, 7581, 83.633333333333, 22.514444444444, 53343.95421509259, 53343.97369425926,
    31489.711611568928, 634195.8212890625, 53343.97370224612,
)  # fmt: skip
RUNS = [
    Run(HESS, 23523, *CRAB_1),
    Run(HESS, 23526, *CRAB_2),
    Run(HESS, 23559, 1578.1234798282424, 1686.0, 7601, 85.2533333381014, 22.014444444444, 53345.9619812963,
        53345.98149518519, 33295.32298690081, 647802.5231323242, 53345.98149662861),
    Run(HESS, 23592, 1581.26466581225, 1686.0, 7334, 82.0133333285646, 22.014444444444, 53347.913196574074,
        53347.93271046296, 33543.2141469717, 601956.6851425171, 53347.932718390795),
    Run(HESS, 20136, 1521.0268800705694, 1682.0, 11243, 228.6125, -58.771666666667, 53090.123451203704,
        53090.14291879629, 34665.724085479975, 2569672.191329956, 53090.14292475916),
    Run(HESS, 33787, 1645.9436731394428, 1689.0, 7176, 329.71666666667, -29.725555555556, 53945.85113638889,
        53945.870685, 39658.16949209571, 2365238.4342041016, 53945.87069294449),
    Run(MAGIC, 5029747, 1178.0662769214098, 1188.1117618680037, 11189, 83.98333, 22.24389, 56569.18190531501,
        56569.19565660855, 1520.1095231296495, 939220.3024597168, 56569.19565635139),
    Run(MAGIC, 5029748, 1174.85374693666, 1183.8029420375815, 11701, 83.27917, 21.78389, 56569.196064247386,
        56569.209765670326, 1314.1296295840293, 974593.089630127, 56569.209762144084),
    Run(CTA, 110380, 1764.000034326, 1800.0, 106217, 267.68121338, -29.6075, 59235.5, 59235.520833333336,
        41351.57310075313, 28425178.65386963, 59235.52083296624),
    Run(CTA, 111140, 1764.000034326, 1800.0, 106386, 264.2315979, -29.5214, 59275.5, 59275.520833333336,
        41328.01194113493, 28120494.77862549, 59275.52083330194),
    Run(CTA, 111159, 1764.000034326, 1800.0, 105741, 266.03671265, -26.9782, 59276.5, 59276.520833333336,
        42412.111202616245, 28137224.349975586, 59276.52083325052),
    Run(MINIMAL, 23523, *CRAB_1),
    Run(MINIMAL, 23526, *CRAB_2),
]  # fmt: skip

MSH = [20136, 20137, 20151, 20282, 20283, 20301, 20302, 20303, 20322, 20323, 20324, 20325, 20343, 20344, 20345, 20346,
       20365, 20366, 20367, 20368]  # fmt: skip
PKS = [*range(33787, 33802), 47802, 47803, 47804, 47827, 47828, 47829]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.store.split('/')[0]}-{run.obs_id}")
def test_runs_equal_those_of_gammapy(gammapy_data, run):
    observation = DataStore.open(gammapy_data / run.store).observation(run.obs_id)
    events, pointing = observation.events, observation.pointing
    assert observation.livetime.to_value("s") == pytest.approx(run.livetime, rel=1e-11)
    assert observation.ontime.to_value("s") == pytest.approx(run.ontime, rel=1e-11)
    assert len(events) == run.n_events
    assert (pointing.ra.deg, pointing.dec.deg) == pytest.approx((run.ra, run.dec), abs=1e-12)
    assert observation.tstart.tt.mjd == pytest.approx(run.tstart, abs=1e-10)
    assert observation.tstop.tt.mjd == pytest.approx(run.tstop, abs=1e-10)
    assert events.energy.sum() == pytest.approx(run.energy_sum, rel=1e-12)
    assert events.ra.sum() == pytest.approx(run.ra_sum, rel=1e-10)  # gammapy wraps float32 in float32
    assert events.times[-1].tt.mjd == pytest.approx(run.last_event, abs=1e-10)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.store.split('/')[0]}-{run.obs_id}")
def test_columns_equal_those_that_astropy_reads(gammapy_data, run):
    """Every column of every HDU, bit for bit."""
    source = DataStore.open(gammapy_data / run.store).observation(run.obs_id).source
    for kind, location in source.locations.items():
        table = source.table(kind)
        with fits.open(location.path) as hdus:
            data = hdus[location.hdu_name].data
            for name in data.names:
                np.testing.assert_array_equal(table.raw(name), data[name], err_msg=f"{kind} {name}")


@pytest.mark.parametrize(
    ("cone", "expected"),
    [
        (Cone(SkyCoord(83.633, 22.014, unit="deg"), 5 * u.deg), [23523, 23526, 23559, 23592]),
        (Cone(SkyCoord(228.32, -59.08, unit="deg"), 2.5 * u.deg), MSH),
        (Cone(SkyCoord(228.32, -59.08, unit="deg"), 0.4 * u.deg, 0.4 * u.deg), MSH),
        (Cone(SkyCoord(329.71693826, -30.225589, unit="deg"), 2 * u.deg), PKS),
        (Cone(SkyCoord(329.71693826, -30.225589, unit="deg").galactic, 2 * u.deg), PKS),
    ],
    ids=["crab", "msh", "msh-border", "pks", "pks-galactic"],
)
def test_cones_choose_the_runs_of_gammapy(gammapy_data, cone, expected):
    assert select(DataStore.open(gammapy_data / HESS), Selection(cone=cone)).selected_ids == expected


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [(False, [*range(33788, 33794)]), (True, [*range(33787, 33794)])],
    ids=["inside", "overlap"],
)
def test_time_windows_choose_the_runs_of_gammapy(gammapy_data, overlap, expected):
    window = Gti.from_times(Time(["2006-07-29T20:30:00"]), Time(["2006-07-30T00:00:00"]))
    cuts = Selection(time_windows=window, time_overlap=overlap)
    assert select(DataStore.open(gammapy_data / HESS), cuts).selected_ids == expected


def test_zenith_range_chooses_the_runs_of_gammapy(gammapy_data):
    chosen = select(DataStore.open(gammapy_data / HESS), Selection(zenith_max=30 * u.deg)).selected_ids
    assert (len(chosen), sum(chosen)) == (24, 751268)


def test_column_cut_on_the_hess_index(gammapy_data):
    store = DataStore.open(gammapy_data / HESS)
    chosen = select(store, Selection(columns={"TARGET_NAME": ColumnCut(equal="Crab")})).selected_ids
    assert chosen == [23523, 23526, 23559, 23592]


def test_a_time_cut_equals_that_of_gammapy(gammapy_data):
    observation = DataStore.open(gammapy_data / HESS).observation(33787)
    start = observation.tstart
    part = observation.select_time(Gti.from_times(start + [300] * u.s, start + [900] * u.s))
    assert len(part.events) == 2531
    assert part.ontime.to_value("s") == pytest.approx(600.0, abs=1e-6)
    assert part.livetime.to_value("s") == pytest.approx(584.7046796232487, abs=1e-6)


def test_the_missing_file_of_the_cta_store_is_found(gammapy_data):
    store = DataStore.open(gammapy_data / CTA)
    wrong = store.check_files()
    assert list(wrong) == [111630]
    assert "gps_baseline_111630.fits: no such file" in wrong[111630]
    assert select(store, Selection(required_irfs="full-enclosure")).selected_ids == [110380, 111140, 111159]


def test_magic_selection_fills_from_headers_what_its_index_lacks(gammapy_data):
    chosen = select(DataStore.open(gammapy_data / MAGIC), Selection(required_irfs=("aeff", "edisp", "rad_max")))
    assert chosen.selected_ids == [5029748, 5029747]
    assert chosen.table["telescope"].tolist() == ["MAGIC", "MAGIC"]
    assert chosen.tstart(5029747).tt.mjd == pytest.approx(56569.18190531501, abs=1e-8)  # texts hold milliseconds
    assert chosen.livetime.to_value("s") == pytest.approx(1178.0662769214098 + 1174.85374693666, rel=1e-4)


def test_alignment_of_real_backgrounds(gammapy_data):
    alignments = {
        store: DataStore.open(gammapy_data / store).observation(run).bkg.fov_alignment
        for store, run in ((HESS, 23523), (CTA, 110380))
    }
    assert alignments == {HESS: "REVERSE_LON_RADEC", CTA: "RADEC"}


@pytest.mark.parametrize(
    ("store", "run"), [(HESS, 23523), (MAGIC, 5029747), (CTA, 110380)], ids=["hess", "magic", "cta"]
)
def test_responses_read_through_the_store_equal_those_read_by_astropy(gammapy_data, store, run):
    observation = DataStore.open(gammapy_data / store).observation(run)
    for kind, location in observation.source.locations.items():
        if kind in ("events", "gti"):
            continue
        with fits.open(location.path) as hdus:
            theirs = read_irf(kind, hdus[location.hdu_name])
        ours = observation.source.irf(kind)
        assert type(ours) is type(theirs)
        for name, value in vars(theirs).items():
            if isinstance(value, u.Quantity):
                np.testing.assert_array_equal(getattr(ours, name), value)

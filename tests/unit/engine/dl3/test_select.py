"""Selections: every cut, its reason in words with numbers, and what cannot be."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError, NothingSelectedError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.select import ColumnCut, Cone, Selection, read_run_list, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.dl3.time_reference import read_reference

CENTER = SkyCoord(83.0, 22.0, unit="deg")
CLOCK = read_reference({"MJDREFI": 51544, "MJDREFF": 0.5}, "here")
RUNS = (11, 12, 13, 14)


@pytest.fixture
def store(builder):
    """Four runs: declinations 22 to 25 deg, zenith 20 to 50 deg, livetimes 900 to 600 s, starts 1000 to 4000 s."""
    for step, obs_id in enumerate(RUNS):
        facts = {
            "DEC_PNT": 22.0 + step,
            "ZEN_PNT": 20.0 + 10 * step,
            "LIVETIME": 900.0 - 100 * step,
            "TSTART": 1000.0 * (1 + step),
            "TSTOP": 1000.0 * (2 + step),
            "QUALITY": step % 2,
            "TARGET": ["crab ", "crab", "msh", ""][step],
            "N_TELS": 4,
        }
        builder.add(obs_id, facts=facts, kinds=("aeff", "edisp") if obs_id != 12 else ("aeff",))
    return DataStore.open(builder.write())


def reasons(table):
    return dict(zip(table.table["obs_id"].tolist(), table.table["reason"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), [11, 12, 13, 14]),
        (Selection(obs_ids=(13, 11)), [13, 11]),
        (Selection(obs_ids=(13, 13)), [13]),
        (Selection(exclude_ids=(11, 14)), [12, 13]),
        (Selection(cone=Cone(CENTER, 1.5 * u.deg)), [11, 12]),
        (Selection(cone=Cone(CENTER, 1.5 * u.deg, 1 * u.deg)), [11, 12, 13]),
        (Selection(target=CENTER, offset_max=1.5 * u.deg), [11, 12]),
        (Selection(target=CENTER, offset_min=30 * u.arcmin), [12, 13, 14]),
        (Selection(cone=Cone(CENTER, 5 * u.deg), offset_min=0.5 * u.deg, offset_max=2.5 * u.deg), [12, 13]),
        (Selection(zenith_max=35 * u.deg), [11, 12]),
        (Selection(zenith_min=30 * u.deg, zenith_max=40 * u.deg), [12, 13]),
        (Selection(livetime_min=800 * u.s), [11, 12]),
        (Selection(columns={"QUALITY": ColumnCut(maximum=0)}), [11, 13]),
        (Selection(columns={"quality": ColumnCut(equal=1)}), [12, 14]),
        (Selection(columns={"TARGET": ColumnCut(equal="crab")}), [11, 12]),
        (Selection(columns={"TARGET": ColumnCut(among=("msh", ""))}), [13, 14]),
        (Selection(columns={"ZEN_PNT": ColumnCut(minimum=0.6 * u.rad)}), [13, 14]),
        (Selection(columns={"N_TELS": ColumnCut(minimum=3, maximum=4)}), [11, 12, 13, 14]),
        (Selection(required_irfs="point-like"), [11, 13, 14]),
        (Selection(required_irfs=("aeff",)), [11, 12, 13, 14]),
        (Selection(time_windows=Gti([2000.0], [4000.0], CLOCK)), [12, 13]),
        (Selection(time_windows=Gti([2500.0], [3500.0], CLOCK), time_overlap=True), [12, 13]),
        (Selection(time_windows=Gti([900.0, 3000.0], [2500.0, 4000.0], CLOCK)), [11, 13]),
        (Selection(obs_ids=(11, 12), exclude_ids=(11,)), [12]),
    ],
)
def test_every_cut_chooses_its_runs(store, selection, chosen):
    assert select(store, selection).selected_ids == chosen


@pytest.mark.parametrize(
    ("selection", "obs_id", "reason"),
    [
        (Selection(obs_ids=(11,)), 12, "not in obs_ids"),
        (Selection(exclude_ids=(12,)), 12, "in exclude_ids"),
        (Selection(cone=Cone(CENTER, 1.5 * u.deg)), 13, "2.00 deg from the center of the cone, radius 1.5 deg"),
        (Selection(target=CENTER, offset_max=1.5 * u.deg), 13, "offset 2 deg > 1.5 deg"),
        (Selection(zenith_max=35 * u.deg), 14, "zenith 50 deg > 35 deg"),
        (Selection(livetime_min=0.2 * u.h), 14, "livetime 600 s < 720 s"),
        (Selection(columns={"QUALITY": ColumnCut(maximum=0)}), 12, "QUALITY 1 > 0"),
        (Selection(columns={"TARGET": ColumnCut(equal="crab")}), 13, "TARGET msh is not crab"),
        (Selection(required_irfs="point-like"), 12, "no 'edisp' HDU in the index"),
        (
            Selection(time_windows=Gti([2000.0], [3000.0], CLOCK)),
            11,
            "2000-01-01T12:15:35.816 + 1000 s is not wholly inside a time window",
        ),
        (Selection(zenith_max=35 * u.deg, livetime_min=650 * u.s), 13, "zenith 40 deg > 35 deg"),
    ],
)
def test_reasons_are_words_with_numbers(store, selection, obs_id, reason):
    assert reasons(select(store, selection))[obs_id] == reason


def test_one_row_for_every_run_with_its_facts(store):
    table = select(store, Selection(obs_ids=(12,), target=CENTER)).table
    assert table["obs_id"].tolist() == [12, 11, 13, 14]
    row = table[0]
    assert (row["ra_pnt"], row["dec_pnt"], row["zenith"], row["livetime"]) == (83.0, 23.0, 30.0, 800.0)
    assert row["offset"] == pytest.approx(1.0, abs=1e-12)
    assert row["tstart"] == "2000-01-01T12:32:15.816"
    assert row["telescope"] == "TOY"


def test_unknown_runs_are_an_error_with_the_nearest(store):
    with pytest.raises(InputError, match="no run 15; nearest are 12, 13, 14"):
        select(store, Selection(obs_ids=(11, 15)))
    with pytest.raises(InputError, match="no run 9; nearest are 11, 12, 13"):
        select(store, Selection(exclude_ids=(9,)))


def test_nothing_selected_counts_the_reasons(store):
    cuts = Selection(exclude_ids=(11,), zenith_max=35 * u.deg, columns={"TARGET": ColumnCut(equal="x")})
    with pytest.raises(NothingSelectedError, match=r"none of 4 runs is selected: 3 by column TARGET; 1 in exclude_ids"):
        select(store, cuts)


def test_offsets_need_a_target(store):
    with pytest.raises(InputError, match="offset_min and offset_max need a target"):
        select(store, Selection(offset_max=1 * u.deg))


@pytest.mark.parametrize(
    ("column", "cut", "message"),
    [
        ("QUALTY", ColumnCut(maximum=0), r"no column 'QUALTY'; .* Did you mean 'QUALITY'\?"),
        ("ZEN_PNT", ColumnCut(maximum=3 * u.s), r"column ZEN_PNT: the bound 3\.0 s does not convert .*, deg"),
    ],
)
def test_columns_that_cannot_be_used(store, column, cut, message):
    with pytest.raises(InputError, match=message):
        select(store, Selection(columns={column: cut}))


def test_numbers_asked_of_text_are_a_reason(store):
    with pytest.raises(NothingSelectedError, match="TARGET 'crab' is text, min and max need numbers"):
        select(store, Selection(columns={"TARGET": ColumnCut(minimum=3)}))


def test_column_conditions_from_a_mapping():
    assert ColumnCut.from_mapping({"min": 1, "in": [1, 2]}) == ColumnCut(minimum=1, among=(1, 2))
    with pytest.raises(InputError, match=r"columns\.QUALITY: unknown key 'mx'\. Did you mean 'max'\?"):
        ColumnCut.from_mapping({"mx": 1}, "QUALITY")


@pytest.mark.parametrize("with_obs_index", [True, False], ids=["bare-index", "no-index"])
def test_facts_come_from_the_event_headers_where_the_index_lacks_them(builder, make_events, make_gti, with_obs_index):
    for obs_id, alt in ((1, 80.0), (2, 30.0)):
        builder.add(obs_id, [make_events(obs_id, header={"ALT_PNT": alt}), make_gti()])
    lost = ("RA_PNT", "DEC_PNT", "ZEN_PNT", "LIVETIME", "TSTART", "TSTOP", "TELESCOP")
    store = DataStore.open(builder.write(with_obs_index, without=lost))
    cuts = Selection(
        cone=Cone(CENTER, 1 * u.deg), zenith_max=50 * u.deg, livetime_min=1 * u.s,
        time_windows=Gti([500.0], [3000.0], CLOCK),
    )  # fmt: skip
    chosen = select(store, cuts)
    assert chosen.selected_ids == [1]
    assert reasons(chosen)[2] == "zenith 60 deg > 50 deg"
    assert chosen.table["telescope"][0] == "TOY"


def test_altitude_serves_where_the_index_has_no_zenith(builder):
    builder.add(1, facts={"ALT_PNT": 35.0})
    del builder.facts[0]["ZEN_PNT"]
    assert select(DataStore.open(builder.write()), Selection()).table["zenith"][0] == pytest.approx(55.0)


def test_times_without_reference_come_from_the_event_headers(builder):
    builder.add(1, facts={"TSTART": 0.0})
    chosen = select(DataStore.open(builder.write(obs_header={})), Selection())
    assert chosen.table["tstart"][0] == "2000-01-01T12:15:35.816"


def test_columns_need_an_observation_index(builder):
    builder.add(1)
    with pytest.raises(InputError, match=r"no observation index, so columns \(QUALITY\) cannot be used"):
        select(DataStore.open(builder.write(False)), Selection(columns={"QUALITY": ColumnCut(maximum=0)}))


def test_missing_and_broken_files_are_reasons(builder):
    builder.add(1)
    builder.add(2).unlink()
    builder.add(3).write_bytes(b"\x1f\x8b broken")
    for facts in builder.facts:
        del facts["ZEN_PNT"]
    chosen = select(DataStore.open(builder.write()), Selection())
    assert chosen.selected_ids == [1]
    assert reasons(chosen)[2] == "no such file: run_2.fits.gz (events)"
    assert "broken gzip file" in reasons(chosen)[3]


def test_runs_that_only_the_hdu_index_has_fail_conditions_on_columns(builder, make_events, make_gti):
    builder.add(1)
    builder.add(2)
    del builder.facts[1]
    store = DataStore.open(builder.write())
    assert select(store, Selection()).selected_ids == [1, 2]
    chosen = select(store, Selection(columns={"QUALITY": ColumnCut(maximum=0)}))
    assert reasons(chosen) == {1: "", 2: "QUALITY is not known"}


def test_separation_is_exact_near_zero_and_near_pi(builder):
    for obs_id, (ra, dec) in enumerate([(83.0 + 1e-7, 22.0), (263.0, -22.0), (83.0, 22.0)], start=1):
        builder.add(obs_id, facts={"RA_PNT": ra, "DEC_PNT": dec})
    offset = np.asarray(select(DataStore.open(builder.write()), Selection(target=CENTER)).table["offset"])
    np.testing.assert_allclose(offset, [1e-7 * np.cos(np.radians(22)), 180.0, 0.0], rtol=1e-6, atol=1e-12)


def test_a_run_list_file(tmp_path):
    path = tmp_path / "runs.txt"
    path.write_text("# crab\n23523, 23526\n23559  # good\n\n023592\n")
    assert read_run_list(path) == (23523, 23526, 23559, 23592)


@pytest.mark.parametrize(
    ("text", "message"),
    [("23523\n23526x\n", r"runs\.txt:2: '23526x' is no run number"), ("# none\n", "the run list is empty")],
)
def test_broken_run_lists(tmp_path, text, message):
    path = tmp_path / "runs.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_run_list(path)


def test_a_missing_run_list(tmp_path):
    with pytest.raises(InputError, match="run list cannot be read"):
        read_run_list(tmp_path / "gone.txt")

"""A simulated store: whole, readable, reproducible."""

import gzip
import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.base.errors import FolderError, InputError
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.models.models_yaml import read_models
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store


def make_plan(spatial=None, **options):
    crab = SkyModel("crab", PowerLawSpectralModel(index=2.6, amplitude=3.5e-11), spatial)
    return SimulationPlan(Models([crab]), **{"n_runs": 2, "livetime": 2 * u.min, "seed": 7, **options})


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_same_seed_gives_the_same_bytes(tmp_path):
    for name in "ab":
        simulate_store(tmp_path / name, make_plan())
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_other_seed_gives_other_events(tmp_path):
    simulate_store(tmp_path / "a", make_plan(n_runs=1))
    simulate_store(tmp_path / "b", make_plan(n_runs=1, seed=8))
    a, b = (DataStore.open(tmp_path / name).observation(1).events for name in "ab")
    assert not np.isin(a.energy, b.energy).any()


def test_a_run_does_not_depend_on_the_number_of_runs(tmp_path):
    simulate_store(tmp_path / "one", make_plan(n_runs=1))
    simulate_store(tmp_path / "two", make_plan(n_runs=2))
    name = "data/sim_obs_id_000001.fits.gz"
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_source_leaves_the_other_events_alone(tmp_path):
    plan = make_plan(n_runs=1)
    point = SpatialModel("point", lon_0="84 deg", lat_0="22.3 deg")
    second = SkyModel("second", PowerLawSpectralModel(index=2.0, amplitude=3e-11), point)
    simulate_store(tmp_path / "a", plan)
    more = SimulationPlan(Models([*plan.models, second]), n_runs=1, livetime=plan.livetime, seed=7)
    simulate_store(tmp_path / "c", more)
    one, two = (DataStore.open(tmp_path / name).observation(1).events for name in "ac")
    assert len(two) > len(one)
    assert np.isin(one.energy, two.energy).all()


def test_store_is_read_back(tmp_path):
    plan = make_plan(first_obs_id=501)
    written = simulate_store(tmp_path / "store", plan)
    store = DataStore.open(tmp_path / "store")
    assert list(store.obs_table["OBS_ID"]) == [501, 502]
    observation = store.observation(502, required_irfs=("aeff", "edisp", "psf", "bkg"))
    assert len(observation.events) == written.n_events[1]
    assert observation.livetime.to_value("s") == pytest.approx(120.0, rel=1e-9)
    assert observation.ontime.to_value("s") == pytest.approx(120.0 / 0.93, rel=1e-9)
    assert observation.pointing.separation(plan.target).deg == pytest.approx(0.5, abs=1e-9)
    assert observation.zenith.to_value("deg") == 20.0
    assert observation.gti.contains(observation.events.time).all()
    assert (np.diff(observation.events.time) >= 0).all()


def test_runs_follow_each_other(tmp_path):
    plan = make_plan(n_runs=3, gap=1 * u.min)
    runs = [plan.run(index) for index in range(3)]
    assert all(runs[i].stop + 60 <= runs[i + 1].start for i in range(2))


def test_pointings_alternate_around_the_target():
    plan = make_plan(n_runs=4)
    dec = np.degrees([plan.run(index).pointing[1] for index in range(4)])
    assert dec[0] == pytest.approx(22.5145)
    assert dec[1] == pytest.approx(21.5145)


def test_truth_is_the_model_at_the_target(tmp_path):
    written = simulate_store(tmp_path / "store", make_plan(n_runs=1))
    truth = read_models(written.truth_path)
    assert truth["crab"].spectral.index.value == 2.6
    assert truth["crab"].position.separation(written.plan.target).deg < 1e-9
    assert make_plan().models["crab"].spatial is None


def test_files_carry_no_date_of_writing(tmp_path):
    simulate_store(tmp_path / "store", make_plan(n_runs=1))
    for path in (tmp_path / "store").rglob("*.gz"):
        assert path.read_bytes()[4:8] == b"\0\0\0\0", f"gzip time stamp in {path.name}"
        with gzip.open(path) as stream, fits.open(stream) as hdus:
            assert not any("DATE" in hdu.header for hdu in hdus)


def test_point_like_store_has_a_radius_and_no_psf(tmp_path):
    simulate_store(tmp_path / "store", make_plan(n_runs=1, enclosure="point-like"))
    observation = DataStore.open(tmp_path / "store").observation(1)
    assert observation.psf is None
    assert observation.aeff.is_pointlike
    assert observation.aeff.rad_max.to_value("deg") == pytest.approx(0.11)


def test_existing_store_is_not_written_over(tmp_path):
    simulate_store(tmp_path, make_plan(n_runs=1))
    with pytest.raises(FolderError, match="holds a data store already"):
        simulate_store(tmp_path, make_plan(n_runs=1))
    assert simulate_store(tmp_path, make_plan(n_runs=2), overwrite=True).obs_ids == (1, 2)


@pytest.mark.parametrize("lost", ["hdu-index.fits.gz", "obs-index.fits.gz"])
def test_interrupted_store_is_gone_on_with(tmp_path, lost):
    """As it is left by a kill between the index files: one of them is there, and a file under its temporary name."""
    folder = simulate_store(tmp_path / "a", make_plan(n_runs=1), notes={"notes.txt": "mine"}).folder
    whole = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / lost).rename(folder / f".{lost}.1234-0123abcd.part")
    (folder / "data" / ".mine.part").write_text("not ours")
    simulate_store(folder, make_plan(n_runs=1), notes={"notes.txt": "mine"})
    (folder / "data" / ".mine.part").unlink()
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole


def test_folder_name_of_a_file_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(FolderError, match="is a file"):
        simulate_store(tmp_path / "x", make_plan())


def test_source_that_fills_the_sky_is_refused():
    with pytest.raises(InputError, match=r"'crab': got spatial model ConstantSpatialModel, which fills the sky"):
        make_plan(SpatialModel("const")).sources()


def test_truth_holds_points_and_extended_sources(tmp_path):
    disk = SpatialModel("disk", lon_0="83 deg", lat_0="22 deg", r_0="0.3 deg")
    pulsar = SkyModel("pulsar", PowerLawSpectralModel(index=2.0, amplitude=1e-11))
    plan = SimulationPlan(Models([*make_plan(disk).models, pulsar]), n_runs=1, livetime=2 * u.min)
    truth = read_models(simulate_store(tmp_path / "store", plan).truth_path)
    assert truth["crab"].spatial == disk
    assert truth["pulsar"].spatial.tag == "PointSpatialModel"


def test_extended_source_does_not_change_the_events_of_another(tmp_path):
    disk = SpatialModel("disk", lon_0="83 deg", lat_0="22 deg", r_0="0.3 deg")
    nebula = SkyModel("nebula", PowerLawSpectralModel(index=2.0, amplitude=1e-11), disk)
    alone = make_plan(n_runs=1)
    both = SimulationPlan(Models([*alone.models, nebula]), n_runs=1, livetime=alone.livetime, seed=7)
    for name, plan in (("a", alone), ("b", both)):
        simulate_store(tmp_path / name, plan)
    one, two = (DataStore.open(tmp_path / name).observation(1).events for name in "ab")
    assert len(two) > len(one)
    assert np.isin(one.energy, two.energy).all()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("n_runs", 0, "n_runs: got 0"),
        ("livetime", 0 * u.s, "livetime: got 0.0 s"),
        ("livetime", 3 * u.m, "livetime: got 3.0 m, expected a value in s"),
        ("deadtime_fraction", 1.0, "deadtime_fraction: got 1.0"),
        ("offset", 4 * u.deg, "offset: got 4.0 deg"),
        ("zenith", 85 * u.deg, "zenith: got 85.0 deg"),
        ("background_factor", 0.0, "background_factor: got 0.0"),
        ("background_kind", "4d", "background_kind: got '4d'"),
        ("seed", -1, "seed: got -1"),
        ("position_angles", (), "position_angles: got none"),
    ],
)
def test_impossible_plan_is_refused(option, value, message):
    with pytest.raises(InputError, match=message):
        make_plan(**{option: value})


def test_runs_may_be_made_in_any_order_and_by_others(tmp_path):
    """What makes the runs travels as its plan; the same files come whoever makes them."""
    simulate_store(tmp_path / "a", make_plan(n_runs=3))

    def backwards_elsewhere(make, numbers):
        found = {k: pickle.loads(pickle.dumps(make))(k) for k in reversed(numbers)}
        return [found[k] for k in numbers]

    simulate_store(tmp_path / "b", make_plan(n_runs=3), run_map=backwards_elsewhere)
    assert len(contents(tmp_path / "a")) == 6
    assert contents(tmp_path / "a") == contents(tmp_path / "b")

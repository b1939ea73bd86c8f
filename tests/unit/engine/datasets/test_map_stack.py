"""Laws of the sum of map datasets."""

import itertools
import tracemalloc

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_stack import MapStacker, stack_maps

CRAB = SkyCoord(83.633, 22.014, unit="deg")
KINDS = pytest.mark.parametrize("kind", [MapDataset, MapDatasetOnOff], ids=["cash", "wstat"])
FLOAT32 = 5e-6  # a few roundings of float32


@KINDS
def test_one_dataset_gives_itself_masked(make_map, kind):
    run = make_map(kind=kind)
    total = stack_maps([run])
    assert (total.counts == run.counts * run.mask_safe).all()
    np.testing.assert_allclose(total.background, run.background * run.mask_safe, rtol=FLOAT32)
    assert (total.exposure == run.exposure * run.safe_image).all()
    assert (total.mask_safe == run.mask_safe).all()
    np.testing.assert_allclose(total.psf.data, run.psf.data * (total.psf.data > 0), rtol=FLOAT32)


@KINDS
def test_everything_safe_and_alone_is_unchanged(make_map, assert_same_maps, kind):
    run = make_map(kind=kind, mask_safe=np.ones((3, 10, 12), dtype=bool))
    if kind is MapDatasetOnOff:
        run = make_map(kind=kind, mask_safe=run.mask_safe, counts_off=run.counts_off + 1)
    total = stack_maps([run])
    assert_same_maps(total, run, FLOAT32, responses=False)
    np.testing.assert_allclose(total.edisp.data, run.edisp.data, rtol=FLOAT32)  # continued beyond the counts


@KINDS
def test_order_does_not_matter(make_map, assert_same_maps, kind):
    runs = [make_map(str(seed), seed, (seed % 2, 0), kind) for seed in (1, 2, 3)]
    first, *others = (stack_maps(order) for order in itertools.permutations(runs))
    for other in others:
        assert_same_maps(other, first, FLOAT32)
        assert other.livetime.value == pytest.approx(first.livetime.value)


@KINDS
def test_stacking_in_two_steps_is_stacking_at_once(make_map, assert_same_maps, kind):
    runs = [make_map(str(seed), seed, kind=kind) for seed in (1, 2, 3)]
    at_once, in_steps = stack_maps(runs), stack_maps([stack_maps(runs[:2]), runs[2]])
    assert_same_maps(in_steps, at_once, FLOAT32, responses=False)
    assert in_steps.meta == at_once.meta == {"OBS_ID": [1, 2, 3], "TELESCOP": ["HESS"] * 3, "RA_PNT": [83.1 / 3] * 3}


def test_stacking_in_two_steps_keeps_responses_where_all_is_safe(make_map, assert_same_maps):
    runs = [make_map(str(seed), seed, mask_safe=None) for seed in (1, 2, 3)]
    assert_same_maps(stack_maps([stack_maps(runs[:2]), runs[2]]), stack_maps(runs), FLOAT32)


@KINDS
def test_cutout_of_the_stack_is_the_stack_of_cutouts(make_map, assert_same_maps, kind):
    runs = [make_map(str(seed), seed, kind=kind) for seed in (1, 2)]
    center = SkyCoord(83.633, 22.014 + 0.0001, unit="deg")
    parts = [run.cutout(center, 0.6 * u.deg) for run in runs]
    whole = stack_maps(runs).cutout(center, 0.6 * u.deg)
    names = ("counts", "background", "exposure", "mask_safe")
    for name in names:
        mine, its = getattr(stack_maps(parts), name), getattr(whole, name)
        np.testing.assert_allclose(np.asarray(mine, float), np.asarray(its, float), rtol=FLOAT32, err_msg=name)


def test_exposure_weighs_the_responses(make_map):
    runs = [make_map(str(seed), seed, mask_safe=None) for seed in (1, 2)]
    total = stack_maps(runs)
    weights = [run.edisp.exposure.value[:, None] for run in runs]
    expected = sum(run.edisp.data * weight for run, weight in zip(runs, weights, strict=True)) / sum(weights)
    np.testing.assert_allclose(total.edisp.data, expected, rtol=FLOAT32)
    np.testing.assert_allclose(total.edisp.exposure.value[:, None], sum(weights), rtol=FLOAT32)


def test_masked_energies_shorten_the_rows_of_edisp(make_map):
    mask = np.ones((3, 10, 12), dtype=bool)
    mask[0] = False
    run = make_map(mask_safe=mask)
    total = stack_maps([run, make_map("2", 1, mask_safe=~mask)])
    np.testing.assert_allclose(total.edisp.data, run.edisp.data / 2, rtol=FLOAT32)  # each energy safe in one of two


def test_alpha_is_the_mean_weighted_by_off_counts(make_map):
    ones = np.ones((3, 10, 12))
    first = {"counts_off": 10 * ones, "acceptance": ones, "acceptance_off": 2 * ones}
    second = {"counts_off": 30 * ones, "acceptance": ones, "acceptance_off": 4 * ones}
    runs = [
        make_map(str(i), i, kind=MapDatasetOnOff, mask_safe=None, **off) for i, off in enumerate((first, second), 1)
    ]
    total = stack_maps(runs)
    assert total.alpha == pytest.approx((0.5 * 10 + 0.25 * 30) / 40)
    assert total.background == pytest.approx(12.5)


def test_bins_without_off_counts_keep_their_own_alpha(make_map):
    """Near the edge of a map rings are cut: their acceptance is known whether or not they hold a count."""
    off, ones = np.full((3, 10, 12), 10.0), np.ones((3, 10, 12))
    off[:, 5:] = 0
    acceptance_off = np.arange(1.0, 13.0) * ones
    arrays = {"counts_off": off, "acceptance": ones, "acceptance_off": acceptance_off, "mask_safe": None}
    np.testing.assert_allclose(stack_maps([make_map(kind=MapDatasetOnOff, **arrays)]).acceptance_off, acceptance_off)
    two = stack_maps([make_map(name, kind=MapDatasetOnOff, **arrays) for name in "12"])
    np.testing.assert_allclose(two.alpha, ones / acceptance_off)


def test_no_off_counts_at_all_keep_the_acceptances(make_map):
    ones = np.ones((3, 10, 12))
    run = make_map(kind=MapDatasetOnOff, mask_safe=None, counts_off=0 * ones, acceptance=ones, acceptance_off=4 * ones)
    assert stack_maps([run]).alpha == pytest.approx(0.25)


def test_values_that_are_not_finite_count_as_zero(make_map):
    background = np.ones((3, 10, 12))
    background[0, 0, 0] = np.nan
    total = stack_maps([make_map(background=background, mask_safe=None)])
    assert total.background.sum() == 359


def test_run_without_safe_bin_gives_no_livetime(make_map):
    nothing = make_map("2", 2, mask_safe=np.zeros((3, 10, 12), dtype=bool))
    total = stack_maps([make_map(), nothing])
    assert total.livetime == make_map().livetime
    assert total.counts.sum() == stack_maps([make_map()]).counts.sum()


def test_fit_masks_are_joined(make_map):
    mask = np.zeros((3, 10, 12), dtype=bool)
    mask[0] = True
    total = stack_maps([make_map(mask_fit=mask), make_map("2", 2), make_map("3", 3, mask_fit=~mask)])
    assert total.mask_fit.all()


def test_stack_covers_the_box_of_all(make_map):
    runs = [make_map("1", 1, mask_safe=None), make_map("2", 2, shift=(-2, 1), mask_safe=None)]
    total = Datasets(runs).stack()
    assert total.geometry.shape == (13, 18)
    assert total.psf.geometry.shape == (5, 6)
    assert total.counts.sum() == sum(run.counts.sum() for run in runs)


def test_target_smaller_than_the_runs_keeps_what_is_inside(make_map):
    run = make_map(mask_safe=None)
    part = run.cutout(CRAB, 0.4 * u.deg)
    total = stack_maps(iter([run]), geometry=part.geometry, irf_geometry=run.psf.geometry)
    assert (total.counts == part.counts).all()


def test_a_result_is_not_changed_by_what_is_added_later(make_map):
    run = make_map()
    stacker = MapStacker(run.geometry, run.energy, run.energy_true, run.psf.geometry)
    stacker.add(run)
    before = stacker.result()
    counts = before.counts.copy()
    stacker.add(make_map("2", 2))
    assert (before.counts == counts).all()
    assert stacker.n_datasets == 2


def test_memory_does_not_grow_with_the_number_of_runs(make_map):
    def peak(n_runs):
        tracemalloc.start()
        first = make_map()
        runs = (make_map(str(seed), seed) for seed in range(1, n_runs + 1))
        stack_maps(runs, geometry=first.geometry, irf_geometry=first.psf.geometry)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(2)  # imports and caches
    assert peak(40) < peak(10) + 60_000  # rows of meta and gti; one dataset holds 100 kB


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": MapDatasetOnOff}, "2 is a MapDatasetOnOff, those before it are MapDataset"),
        ({"shift": (100, 0)}, "2 lies outside of the map"),
        ({"shift": (0.1, 0)}, "2: maps around .* not on one grid"),
    ],
    ids=["kind", "elsewhere", "grid"],
)
def test_runs_that_do_not_fit_are_named_and_change_nothing(make_map, changes, message):
    run = make_map()
    stacker = MapStacker(run.geometry, run.energy, run.energy_true, run.psf.geometry)
    stacker.add(run)
    with pytest.raises(InputError, match=message):
        stacker.add(make_map("2", 2, **changes))
    assert stacker.n_datasets == 1
    assert (stacker.result().counts == stack_maps([run]).counts).all()


def test_other_energies_are_refused(make_map):
    with pytest.raises(InputError, match=r"energy axis of 2 has 2 bins from 2.154 TeV to 10 TeV"):
        stack_maps([make_map(), make_map("2", 2).slice_energy("2.1 TeV")])


def test_responses_need_their_exposure(make_map):
    run = make_map()
    bare = type(run.psf)(run.psf.geometry, run.psf.energy_true, run.psf.rad, run.psf.data)
    with pytest.raises(InputError, match="psf of 1 has no exposure"):
        stack_maps([make_map(psf=bare)])


def test_off_counts_must_be_there_where_bins_are_safe(make_map):
    with pytest.raises(InputError, match="1 has safe bins but no counts_off"):
        stack_maps([make_map(kind=MapDatasetOnOff, counts_off=None)])


def test_nothing_cannot_be_stacked():
    with pytest.raises(InputError, match="no datasets given"):
        stack_maps([])

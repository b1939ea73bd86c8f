"""The sum in blocks: the same bits wherever a block is added up, from any state, trimmed or not."""

import itertools
import pickle
from functools import partial

import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.blocked_stack import BLOCK, BlockedStacker, block_of
from gammapy_hli.engine.datasets.grouped_stack import GroupedStacker
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_stack import MapStacker, smallest_box, stack_maps

KINDS = pytest.mark.parametrize("kind", [MapDataset, MapDatasetOnOff], ids=["cash", "wstat"])
N = 2 * BLOCK + 3
EMPTY = {2, BLOCK + 1}  # runs that gave no dataset


@pytest.fixture
def make_runs(make_map):
    def make(kind=MapDataset):
        shifts = itertools.cycle([(0, 0), (3, 1), (-2, 4)])
        return [
            None if i in EMPTY else make_map(str(i), i, shift, kind)
            for i, shift in zip(range(1, N + 1), shifts, strict=False)
        ]

    return make


def empty_sum(runs, groups=None):
    made = [run for run in runs if run is not None]
    box, irf_box = (
        smallest_box(list(part)) for part in zip(*((m.geometry, m.psf.geometry) for m in made), strict=True)
    )
    return partial(GroupedStacker, partial(MapStacker, box, made[0].energy, made[0].energy_true, irf_box), groups)


def sum_of(make, runs):
    stacker = BlockedStacker(make)
    for run in runs:
        stacker.add(run)
    return stacker


def assert_same_bits(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        for name in ("counts", "background", "exposure", "mask_safe", "counts_off", "acceptance_off"):
            mine, its = getattr(one, name, None), getattr(other, name, None)
            assert (mine is None) == (its is None), name
            if mine is not None:
                np.testing.assert_array_equal(mine, its, err_msg=name)
        for irf in ("psf", "edisp"):
            np.testing.assert_array_equal(getattr(one, irf).data, getattr(other, irf).data, err_msg=irf)
            np.testing.assert_array_equal(getattr(one, irf).exposure, getattr(other, irf).exposure, err_msg=irf)
        assert one.livetime == other.livetime
        assert one.meta == other.meta
        np.testing.assert_array_equal(one.gti.start, other.gti.start)


@KINDS
def test_it_is_the_sum(make_runs, assert_same_maps, kind):
    runs = make_runs(kind)
    (total,) = sum_of(empty_sum(runs), runs).results("stacked")
    plain = stack_maps([run for run in runs if run is not None])
    assert_same_maps(total, plain, 5e-6)
    np.testing.assert_array_equal(total.counts, plain.counts)
    assert total.meta == plain.meta
    assert total.livetime.value == pytest.approx(plain.livetime.value)


@KINDS
@pytest.mark.parametrize("groups", [None, {str(i): "ab"[i % 2] for i in range(1, N + 1)}], ids=["all", "groups"])
def test_blocks_that_were_added_up_elsewhere_give_the_same_bits(make_runs, kind, groups):
    runs = make_runs(kind)
    make = empty_sum(runs, groups)
    stacker = BlockedStacker(make)
    for start in (0, BLOCK):
        stacker.add_block(pickle.loads(pickle.dumps(block_of(make, runs[start : start + BLOCK]))))
    for run in runs[2 * BLOCK :]:
        stacker.add(run)
    assert stacker.n_runs == N
    assert_same_bits(stacker.results("stacked"), sum_of(make, runs).results("stacked"))


@pytest.mark.parametrize("n_before", [1, BLOCK - 1, BLOCK, BLOCK + 2, N])
def test_a_sum_goes_on_from_its_state_to_the_same_bits(make_runs, n_before):
    runs = make_runs()
    make = empty_sum(runs)
    again = BlockedStacker(make)
    again.restore(sum_of(make, runs[:n_before]).state())
    assert (again.n_runs, again.n_missing) == (n_before, -n_before % BLOCK)
    for run in runs[n_before:]:
        again.add(run)
    assert_same_bits(again.results("stacked"), sum_of(make, runs).results("stacked"))


def test_a_block_follows_on_whole_blocks_only(make_runs):
    runs = make_runs()
    make = empty_sum(runs)
    stacker = sum_of(make, runs[:3])
    with pytest.raises(ValueError, match=f"{BLOCK - 3} runs are missing in the block before"):
        stacker.add_block(block_of(make, runs[3:]))


def test_no_dataset_at_all_has_no_sum(make_runs):
    make = empty_sum(make_runs())
    stacker = sum_of(make, [None] * 3)
    assert stacker.results("stacked") == []
    assert block_of(make, [None] * BLOCK) == {}


def test_a_trimmed_sum_holds_what_is_safe_and_no_more(make_map):
    mask = np.zeros((3, 10, 12), dtype=bool)
    mask[1, 2:5, 4:9] = True
    run = make_map(mask_safe=mask)
    whole = MapStacker(run.geometry, run.energy, run.energy_true, run.psf.geometry)
    whole.add(run)
    part, again = whole.trimmed(), MapStacker(run.geometry, run.energy, run.energy_true, run.psf.geometry)
    assert part.geometry.shape == (3, 5)
    assert whole.geometry.shape == (10, 12)
    again.merge(part)
    assert_same_bits([again.result()], [whole.result()])


def test_a_sum_without_safe_pixel_is_one_pixel(make_map):
    run = make_map(mask_safe=np.zeros((3, 10, 12), dtype=bool))
    whole = MapStacker(run.geometry, run.energy, run.energy_true, run.psf.geometry)
    assert whole.trimmed().geometry.shape == (1, 1)
    whole.add(run)
    assert whole.trimmed().geometry.shape == (1, 1)
    assert whole.trimmed().result().livetime.value == 0


def test_sums_of_two_kinds_are_refused(make_map):
    sums = []
    for kind in (MapDataset, MapDatasetOnOff):
        run = make_map(kind=kind)
        sums.append(MapStacker(run.geometry, run.energy, run.energy_true, run.psf.geometry))
        sums[-1].add(run)
    with pytest.raises(InputError, match="sums of MapDatasetOnOff and MapDataset; stack them apart"):
        sums[0].merge(sums[1])

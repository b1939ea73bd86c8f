"""The search for significant sky: on a field whose sources are known, round by round."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.estimate.exclusion_search import ExclusionSearch, search_exclusion, widened
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.reduce.fov_background import FovBackground
from gammapy_hli.engine.reduce.map import MapPlan
from gammapy_hli.engine.reduce.ring_background import RingBackground

CENTER = SkyCoord(0, 0, unit="deg", frame="galactic")
GEOMETRY = WcsGeometry.create(CENTER, 4 * u.deg, 0.1 * u.deg)
ENERGY = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=1)
TRUE = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=1, name="energy_true")
RADIUS = 0.1 * u.deg
SEARCH = ExclusionSearch(threshold=5, radius=RADIUS, iterations=10, margin=0 * u.deg)


def field(strong=400.0, weak=0.0):
    """Background of 10 in each pixel, a strong source in the middle and a weak one in the ring around it."""
    shape = (1, *GEOMETRY.shape)
    counts = np.full(shape, 10.0)
    counts[0, 18:22, 18:22] += strong
    counts[0, 20, 27] += weak
    return MapDataset("toy", GEOMETRY, ENERGY, TRUE, counts=counts, background=np.full(shape, 10.0))


def reducer(dataset, maker):
    """What stands for a reduction of all runs, and the exclusions that it was called with."""
    seen = []

    def reduce_all(plan):
        seen.append(plan.allowed_on(GEOMETRY))
        return maker(dataset, None, plan)

    return reduce_all, seen


def plan(**changes):
    return MapPlan(GEOMETRY, ENERGY, TRUE, **changes)


RING = RingBackground(0.5 * u.deg, 0.3 * u.deg)


def test_a_weak_source_shows_when_the_strong_one_is_excluded():
    reduce_all, seen = reducer(field(weak=60.0), RING)
    found = search_exclusion(plan(), SEARCH, reduce_all)
    assert seen[1][20, 27]  # not in the first round: the strong source adds to its background
    assert not found.mask.data[20, 27]
    assert not found.mask.data[18:22, 18:22].any()
    assert found.is_stable
    assert list(found.pixels) == sorted(found.pixels)
    assert found.pixels[-1] == found.pixels[-2] == (~found.mask.data).sum()


def test_fov_norm_comes_down_to_the_truth():
    dataset = field()
    reduce_all, seen = reducer(dataset, FovBackground())
    found = search_exclusion(plan(), SEARCH, reduce_all)
    before = FovBackground().find_norm(dataset, np.ones(GEOMETRY.shape, bool)).norm
    after = FovBackground().find_norm(dataset, found.mask.data).norm
    assert before == pytest.approx(1 + 400 * 16 / 16000)
    assert after == pytest.approx(1)
    assert found.n_rounds == len(seen)


def test_rounds_end_at_iterations():
    reduce_all, seen = reducer(field(weak=60.0), RING)
    found = search_exclusion(plan(), replace(SEARCH, iterations=1), reduce_all)
    assert (found.n_rounds, len(seen), found.is_stable) == (1, 1, False)
    left = pytest.approx(1 - found.pixels[-1] / found.mask.data.size)
    expected = {"rounds": 1, "is_stable": False, "excluded_pixels": list(found.pixels), "left_fraction": left}
    assert found.facts() == expected


def test_flat_field_excludes_nothing():
    found = search_exclusion(plan(), SEARCH, reducer(field(strong=0.0), RING)[0])
    assert found.pixels == (0, 0)
    assert found.is_stable


def test_what_was_given_stays_excluded():
    given = ExclusionMask.from_regions_on("galactic;circle(1.5,1.5,0.2)", GEOMETRY)
    found = search_exclusion(plan(exclusion=given), SEARCH, reducer(field(), RING)[0])
    assert found.pixels[0] == (~given.data).sum()
    assert not (found.mask.data & ~given.data).any()


def test_without_any_run_nothing_is_found():
    found = search_exclusion(plan(), SEARCH, lambda _: None)
    assert (found.pixels, found.is_stable) == ((0,), False)


def test_rounds_leave_out_what_significance_does_without():
    plans = []
    search_exclusion(plan(), SEARCH, lambda one: plans.append(one))
    assert [plans[0].makes(part) for part in ("exposure", "psf", "edisp")] == [False] * 3


def test_hysteresis_adds_only_what_is_connected():
    dataset = field(strong=0.0)
    counts = dataset.counts.copy()
    counts[0, 10, 10:14] = [120.0, 60.0, 60.0, 60.0]
    counts[0, 30, 30] = 37.0  # a lone pixel above the low threshold
    dataset = replace(dataset, counts=counts)
    low = replace(SEARCH, threshold=12, threshold_low=3.0)
    plain, wide = replace(SEARCH, threshold=12).find(dataset), low.find(dataset)
    assert plain.any()
    assert (wide & plain).sum() == plain.sum()
    assert wide.sum() > plain.sum()
    assert not wide[29:32, 29:32].any()
    assert replace(SEARCH, threshold=3).find(dataset)[29:32, 29:32].any()


def test_widened_takes_pixels_within_the_margin():
    mask = np.zeros(GEOMETRY.shape, bool)
    mask[20, 20] = True
    grown = widened(mask, GEOMETRY, 0.2 * u.deg)
    rows, columns = np.indices(mask.shape)
    np.testing.assert_array_equal(grown, np.hypot(rows - 20, columns - 20) <= 2)


def test_a_search_that_takes_everything_is_told():
    greedy = replace(SEARCH, threshold=0.5, margin=5 * u.deg)
    with pytest.raises(InputError, match=r"leaves 0.0 % of the sky .* after round 1 .*threshold 0.5"):
        search_exclusion(plan(), greedy, reducer(field(), RING)[0])


def test_noise_that_excludes_itself_round_by_round_is_an_error():
    noise = np.random.default_rng(1).poisson(10.0, (1, *GEOMETRY.shape)).astype(float)
    dataset = replace(field(strong=0.0), counts=noise)
    runaway = replace(SEARCH, threshold=1, margin=0.1 * u.deg)
    with pytest.raises(InputError, match=r"leaves [0-4]\.\d % of the sky .*Raise the threshold"):
        search_exclusion(plan(), runaway, reducer(dataset, RING)[0])


def test_sky_that_no_run_has_seen_is_not_left():
    half = np.zeros((1, *GEOMETRY.shape), bool)
    half[:, :, :20] = True
    dataset = replace(field(strong=0.0), mask_safe=half)
    given = ExclusionMask.from_regions_on("galactic;box(1,0,2,4)", GEOMETRY)  # most of what is seen
    with pytest.raises(InputError, match=r"leaves \d.\d % of the sky"):
        search_exclusion(plan(exclusion=given), SEARCH, lambda _: dataset)


@pytest.mark.parametrize(
    ("options", "words"), [({"iterations": 0}, "iterations is 0"), ({"threshold_low": 6.0}, "threshold_low is 6")]
)
def test_options_that_make_no_sense_are_told(options, words):
    with pytest.raises(ValueError, match=words):
        ExclusionSearch(**options)

"""FoV, ring and adaptive ring background on a flat field made in code."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.reduce.adaptive_ring import AdaptiveRingBackground
from gammapy_hli.engine.reduce.fov_background import FovBackground
from gammapy_hli.engine.reduce.map import MapPlan
from gammapy_hli.engine.reduce.ring_background import RingBackground

CENTER = SkyCoord(0, 0, unit="deg", frame="galactic")
GEOMETRY = WcsGeometry.create(CENTER, 4 * u.deg, 0.1 * u.deg)
ENERGY = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4)
TRUE = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4, name="energy_true")
SOURCE = ExclusionMask.from_regions(["galactic;circle(0,0,0.3)"], CENTER, 0.05 * u.deg, 4 * u.deg)
PLAN = MapPlan(GEOMETRY, ENERGY, TRUE, exclusion=SOURCE)


@pytest.fixture
def field():
    """Background of 2 in each bin, counts of 3, and 100 more in the excluded middle."""
    shape = (4, *GEOMETRY.shape)
    counts = np.full(shape, 3.0)
    counts[:, 19:21, 19:21] += 100
    return MapDataset("toy", GEOMETRY, ENERGY, TRUE, counts=counts, background=np.full(shape, 2.0))


def test_scale_is_counts_over_background_outside_of_the_exclusion(field):
    dataset = FovBackground("scale")(field, None, PLAN)
    n = 3.0 * 4 * PLAN.allowed_on(GEOMETRY).sum()
    assert dataset.meta["BKG_NORM"] == [pytest.approx(1.5)]
    assert dataset.meta["BKG_NORM_ERR"] == [pytest.approx(np.sqrt(n) / (n / 1.5))]
    np.testing.assert_allclose(dataset.background, 3)


def test_fit_without_tilt_is_the_scale(field):
    allowed = PLAN.allowed_on(GEOMETRY)
    assert FovBackground("fit").find_norm(field, allowed) == pytest.approx(FovBackground().find_norm(field, allowed))


@pytest.mark.parametrize("with_signal", [False, True])
def test_fit_finds_norm_and_tilt(field, with_signal):
    factor = 1.3 * ENERGY.center.value**-0.2
    signal = np.full(field.shape, 0.7) if with_signal else None
    counts = np.broadcast_to((2 * factor)[:, None, None], field.shape) + (0.7 if with_signal else 0)
    maker = FovBackground("fit", free_tilt=True, signal=(lambda _: signal) if with_signal else None)
    dataset = maker(replace(field, counts=counts), None, PLAN)
    assert dataset.meta["BKG_NORM"] == [pytest.approx(1.3)]
    assert dataset.meta["BKG_TILT"] == [pytest.approx(0.2)]
    assert dataset.meta["BKG_TILT_ERR"][0] > 0
    np.testing.assert_allclose(dataset.background[:, 5, 5], 2 * factor, rtol=1e-6)


def test_one_safe_energy_holds_the_tilt(field):
    mask = np.zeros(field.shape, dtype=bool)
    mask[1] = True
    field = replace(field, mask_safe=mask)
    allowed = PLAN.allowed_on(GEOMETRY)
    found = FovBackground("fit", free_tilt=True).find_norm(field, allowed)
    assert found == pytest.approx(FovBackground("fit").find_norm(field, allowed))


def test_pulls_of_norm_and_tilt_are_unit_normal(field):
    rng = np.random.default_rng(3)
    allowed, maker = PLAN.allowed_on(GEOMETRY), FovBackground("fit", free_tilt=True)
    small = replace(field, background=np.full(field.shape, 0.05))
    pulls = []
    for _ in range(200):
        found = maker.find_norm(replace(small, counts=rng.poisson(0.05, field.shape)), allowed)
        pulls.append(((found.norm - 1) / found.norm_err, found.tilt / found.tilt_err))
    np.testing.assert_allclose(np.mean(pulls, axis=0), 0, atol=0.25)  # 3.5 sigma
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.18)


def test_safe_and_fit_masks_bound_the_normalization(field):
    mask = np.zeros(field.shape, dtype=bool)
    mask[:, :5] = True
    counts = np.where(mask, 4.0, 50.0)
    for name in ("mask_safe", "mask_fit"):
        found = FovBackground().find_norm(replace(field, counts=counts, **{name: mask}), PLAN.allowed_on(GEOMETRY))
        assert found.norm == pytest.approx(2)


def test_sky_beyond_the_image_of_the_exclusion(field):
    small = ExclusionMask.from_regions(["galactic;circle(0,0,0.3)"], CENTER, 0.1 * u.deg, 1 * u.deg)
    counts = field.counts.copy()
    counts[:, :5] = 40
    dataset, plan = replace(field, counts=counts), replace(PLAN, exclusion=small)
    inside = FovBackground(only_inside_mask=True)(dataset, None, plan)
    assert inside.meta["BKG_NORM"] == [pytest.approx(1.5)]
    assert FovBackground()(dataset, None, plan).meta["BKG_NORM"][0] > 3


@pytest.mark.parametrize(
    ("maker", "changes", "match"),
    [
        (FovBackground(), {"counts": np.zeros((4, 40, 40))}, "0 counts outside of the exclusion"),
        (FovBackground(min_counts=1e6), {}, "expected more than 1e"),
        (FovBackground(min_npred_background=1e6), {}, "background counts outside .* expected more than 1e"),
        (FovBackground(), {"mask_safe": np.zeros((4, 40, 40), dtype=bool)}, "0 background counts"),
        (FovBackground(signal=lambda d: np.full(d.shape, 9.0)), {}, "less than the known sources give"),
        (FovBackground(), {"background": None}, "no background or no counts"),
    ],
    ids=["no counts", "min_counts", "min_background", "nothing safe", "negative", "no background"],
)
def test_nothing_to_normalize_with_is_a_reason(field, maker, changes, match):
    with pytest.raises(ItemError, match=match):
        maker(replace(field, **changes), None, PLAN)


def test_exclusion_that_covers_everything_is_a_reason(field):
    nothing = ExclusionMask(np.zeros(GEOMETRY.shape, dtype=bool), GEOMETRY.to_wcs())
    with pytest.raises(ItemError, match="0 background counts outside of the exclusion"):
        FovBackground()(field, None, replace(PLAN, exclusion=nothing))


def test_ring_gives_the_level_of_its_surroundings(field):
    dataset = RingBackground(0.5 * u.deg, 0.3 * u.deg)(field, None, PLAN)
    middle = (slice(None), 20, 20)
    n = 3 * round(dataset.counts_off[0, 20, 20] / 3)
    assert dataset.counts_off[0, 20, 20] == n
    np.testing.assert_allclose(dataset.alpha[middle], 2 * 3 / (2 * n), rtol=1e-6)
    np.testing.assert_allclose(dataset.background[middle], 3, rtol=1e-6)
    assert dataset.statistic == "wstat"


def test_ring_pixels_are_counted_with_both_edges(field):
    counts = np.zeros(field.shape)
    counts[0, 20, 25] = counts[0, 20, 28] = counts[0, 20, 24] = counts[0, 20, 29] = 1
    dataset = RingBackground(0.5 * u.deg, 0.3 * u.deg)(
        replace(field, counts=counts), None, replace(PLAN, exclusion=None)
    )
    assert dataset.counts_off[0, 20, 20] == 2


def test_ring_without_acceptance_is_not_safe(field):
    image = np.ones(GEOMETRY.shape, dtype=bool)
    image[:, 5:] = False
    plan = replace(PLAN, exclusion=ExclusionMask(image, GEOMETRY.to_wcs()))
    dataset = RingBackground(0.2 * u.deg, 0.2 * u.deg)(field, None, plan)
    assert dataset.mask_safe[:, :, 3].all()
    assert not dataset.mask_safe[:, :, 12:].any()
    assert not dataset.counts_off[:, :, 12:].any()


def test_adaptive_ring_grows_until_alpha_is_small(field):
    small = AdaptiveRingBackground(0.4 * u.deg, 1.5 * u.deg, 0.1 * u.deg, 0.1 * u.deg, threshold_alpha=0.03)
    tight = replace(small, threshold_alpha=0.006, method="fixed_r_in")
    easy, hard = (maker(field, None, PLAN) for maker in (small, tight))
    assert (easy.alpha[easy.mask_safe] <= 0.03 + 1e-6).all()
    assert (hard.alpha[hard.mask_safe] <= 0.006 + 1e-6).all()
    assert hard.acceptance_off[0, 20, 20] > easy.acceptance_off[0, 20, 20]
    np.testing.assert_allclose(easy.background[:, 20, 20], 3, rtol=1e-6)


def test_adaptive_ring_leaves_bins_unsafe_that_no_ring_is_enough_for(field):
    maker = AdaptiveRingBackground(0.4 * u.deg, 0.8 * u.deg, 0.1 * u.deg, 0.1 * u.deg, threshold_alpha=0.04)
    dataset = maker(field, None, PLAN)
    assert dataset.mask_safe[0, 10, 10]
    assert not dataset.mask_safe[0, 0, 0]  # in the corner, where rings are cut by the map
    assert not dataset.counts_off[~dataset.mask_safe].any()


@pytest.mark.parametrize(
    "maker",
    [
        AdaptiveRingBackground(0.4 * u.deg, 0.8 * u.deg, 0.1 * u.deg, 0.1 * u.deg, threshold_alpha=1e-5),
        RingBackground(3.6 * u.deg, 0.1 * u.deg),
    ],
    ids=["no ring is enough", "no ring on the map"],
)
def test_a_run_without_any_ring_cannot_be_used(field, maker):
    mask = np.zeros(field.shape, dtype=bool)
    mask[:, 15:25, 15:25] = True
    with pytest.raises(ItemError, match="no pixel inside the safe range has a ring with enough allowed sky"):
        maker(replace(field, mask_safe=mask), None, PLAN)


def test_alpha_of_the_whole_on_region_asks_for_larger_rings(field):
    pixel = AdaptiveRingBackground(
        0.4 * u.deg, 1.5 * u.deg, 0.1 * u.deg, 0.1 * u.deg, threshold_alpha=0.35, theta=0.3 * u.deg
    )
    disk = replace(pixel, alpha_of="theta")
    found = [maker(field, None, PLAN).acceptance_off[0, 20, 20] for maker in (pixel, disk)]
    assert found[1] > found[0]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: FovBackground("guess"), "'guess' is no method"),
        (lambda: FovBackground(free_tilt=True), "free tilt needs method 'fit'"),
        (lambda: RingBackground(width=0 * u.deg), "width 0.0 deg"),
        (lambda: AdaptiveRingBackground(method="grow"), "method is 'grow'"),
        (lambda: AdaptiveRingBackground(step=0 * u.deg), "step 0.0 deg"),
        (lambda: AdaptiveRingBackground(outer_radius_max=0.6 * u.deg), "outer_radius_max is 0.6 deg"),
    ],
)
def test_wrong_numbers_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_ring_without_background_is_a_reason(field):
    with pytest.raises(ItemError, match="no counts or no background"):
        RingBackground()(replace(field, background=None), None, PLAN)

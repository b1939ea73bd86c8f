"""What each response gives: closed forms, sums, limits."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.integrate import trapezoid
from scipy.special import ndtr

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.background import Background2D, Background3D
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.psf import containment_radius
from gammapy_hli.engine.irf.psf_parametric import Psf3Gauss, PsfKing
from gammapy_hli.engine.irf.psf_table import PsfTable
from gammapy_hli.engine.irf.rad_max import RadMax

TRUE = Axis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=40, name="energy_true")
RECO = Axis.from_energy_bounds("0.01 TeV", "300 TeV", nbin=60)
OFFSET = Axis.from_edges([0, 1, 2, 3] * u.deg, name="offset", interp="lin")
MIGRA = Axis.from_edges(np.linspace(0, 3, 301) * u.one, name="migra", interp="lin")
RAD = Axis.from_edges(np.linspace(0, 1, 401) * u.deg, name="rad", interp="lin")
TEV, DEG = u.TeV, u.deg


def gaussian_edisp(sigma=0.1):
    edges = MIGRA.edges.value
    pdf = np.diff(ndtr((edges - 1) / sigma)) / np.diff(edges)
    return EnergyDispersion(TRUE, MIGRA, OFFSET, np.broadcast_to(pdf[None, :, None], (40, 300, 3)))


# -- effective area --------------------------------------------------------------------------------------------------


def test_aeff_is_linear_in_log_energy_and_offset():
    data = (np.log(TRUE.center.value)[:, None] + 10) * (5 - OFFSET.center.value)
    aeff = EffectiveArea(TRUE, OFFSET, data * u.m**2)
    assert aeff.evaluate(2 * TEV, 1.2 * DEG).value == pytest.approx((np.log(2) + 10) * 3.8)


def test_aeff_is_zero_outside_and_takes_any_unit():
    aeff = EffectiveArea(TRUE, OFFSET, 1e9 * u.cm**2)
    got = aeff.evaluate([10, 1e3, 1e6] * u.GeV, [0.5, 60, 30] * u.arcmin)
    np.testing.assert_allclose(got.to_value("m2"), [0, 1e5, 0])


def test_aeff_broadcasts_energy_against_offset():
    aeff = EffectiveArea(TRUE, OFFSET, 1 * u.m**2)
    assert aeff.evaluate(TRUE.center[:, None], [0.5, 1.5] * DEG).shape == (40, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TRUE, OFFSET, np.ones((3, 40)) * u.m**2), r"shape \(3, 40\), expected \(40, 3\) from energy_true, offset"),
        ((TRUE, OFFSET, 1 * u.s), "got unit 's', expected one convertible to 'm2'"),
        ((RECO, OFFSET, 1 * u.m**2), "got an axis 'energy', expected 'energy_true'"),
    ],
)
def test_bad_arrays_say_what_was_got(arguments, message):
    with pytest.raises(ValueError, match=message):
        EffectiveArea(*arguments)


# -- energy dispersion -----------------------------------------------------------------------------------------------


def test_kernel_rows_sum_to_one_where_the_axis_holds_them():
    kernel = gaussian_edisp().kernel(TRUE, RECO, 0.5 * DEG)
    assert kernel.shape == (40, 60)
    np.testing.assert_allclose(kernel.sum(axis=1), 1, atol=1e-6)


def test_kernel_is_the_integral_of_the_gaussian():
    kernel = gaussian_edisp(0.2).kernel(TRUE, RECO, 0.5 * DEG)
    edges = RECO.edges.value / TRUE.center.value[:, None]
    # tolerance: the density is flat inside bins of migra of 0.01
    np.testing.assert_allclose(kernel, np.diff(ndtr((edges - 1) / 0.2), axis=1), atol=1e-3)


def test_kernel_loses_what_the_axis_does_not_hold():
    kernel = gaussian_edisp().kernel(TRUE, Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=5), 0.5 * DEG)
    total = kernel.sum(axis=1)
    assert total[TRUE.center.value < 0.5].max() < 1e-3
    assert total[np.abs(TRUE.center.value - 3) < 1].min() > 0.999


def test_kernel_of_several_offsets_has_one_matrix_each():
    edisp = gaussian_edisp()
    kernels = edisp.kernel(TRUE, RECO, [0.5, 1.7] * DEG)
    assert kernels.shape == (2, 40, 60)
    np.testing.assert_array_equal(kernels[1], edisp.kernel(TRUE, RECO, 1.7 * DEG))


def test_kernel_outside_of_the_field_is_empty():
    assert not gaussian_edisp().kernel(TRUE, RECO, 4 * DEG).any()


def test_density_reaches_beyond_one_axis_but_not_beyond_both():
    edisp = EnergyDispersion(TRUE, MIGRA, OFFSET, np.ones((40, 300, 3)))
    density = edisp.evaluate([200, 1, 200, 1] * TEV, [1, 4, 4, 1] * u.one, [1, 1, 1, 4] * DEG)
    np.testing.assert_allclose(density, [1, 1, 0, 0], rtol=1e-12)


# -- point spread ----------------------------------------------------------------------------------------------------


def gaussian_table(sigma=0.1):
    rad = RAD.center.to_value("rad")
    s = np.deg2rad(sigma)
    profile = np.exp(-0.5 * (rad / s) ** 2) / (2 * np.pi * s**2)
    return PsfTable(TRUE, OFFSET, RAD, np.broadcast_to(profile, (40, 3, 400)) * u.Unit("sr-1"))


PSFS = {
    "table": gaussian_table(),
    "3gauss": Psf3Gauss(
        TRUE, OFFSET, 0.05 * DEG, 0.1 * DEG, 0.2 * DEG, np.float64(0.3), np.float64(0.1), 7 * u.Unit("sr-1")
    ),
    "king": PsfKing(TRUE, OFFSET, np.float64(2.5), 0.05 * DEG),
}


@pytest.mark.parametrize("psf", PSFS.values(), ids=PSFS)
def test_containment_is_the_integral_of_the_profile(psf):
    for limit in (0.05, 0.2):
        r = np.linspace(0, np.deg2rad(limit), 20001)
        integral = trapezoid(2 * np.pi * r * psf.evaluate(1 * TEV, r * u.rad, 0.7 * DEG).to_value("sr-1"), r)
        # tolerance: the table is a sum over bins of 0.0025 deg
        assert psf.containment(limit * DEG, 1 * TEV, 0.7 * DEG) == pytest.approx(integral, rel=1e-3)


@pytest.mark.parametrize("psf", PSFS.values(), ids=PSFS)
def test_containment_grows_from_zero_to_one(psf):
    contained = psf.containment(np.linspace(0, 60, 50) * DEG, 1 * TEV, 0.7 * DEG)
    assert contained[0] == 0
    assert (np.diff(contained) >= 0).all()
    assert contained[-1] == pytest.approx(1, abs=1e-3)


def test_containment_of_a_gaussian_is_known():
    psf = Psf3Gauss.from_sigma(TRUE, OFFSET, 0.1 * DEG)
    radius = np.array([0.05, 0.1, 0.3])
    exact = 1 - np.exp(-0.5 * (radius / 0.1) ** 2)
    np.testing.assert_allclose(psf.containment(radius * DEG, 1 * TEV, 1 * DEG), exact, rtol=1e-12)
    np.testing.assert_allclose(gaussian_table().containment(radius * DEG, 1 * TEV, 1 * DEG), exact, rtol=1e-3)


def test_table_contains_nothing_outside_of_its_axes():
    assert gaussian_table().containment(0.1 * DEG, [1, 1000] * TEV, [5, 1] * DEG).tolist() == [0, 0]


def test_gauss_without_scale_is_no_psf():
    psf = Psf3Gauss(TRUE, OFFSET, 0.1 * DEG, 0 * DEG, 0 * DEG, np.float64(0), np.float64(0), 0 * u.Unit("sr-1"))
    assert psf.containment(1 * DEG, 1 * TEV, 1 * DEG) == 0
    assert psf.evaluate(1 * TEV, 0 * DEG, 1 * DEG) == 0


def test_king_without_shape_is_no_psf():
    psf = PsfKing(TRUE, OFFSET, np.float64(0), 0.1 * DEG)
    assert psf.containment(1 * DEG, 1 * TEV, 1 * DEG) == 0
    assert psf.evaluate(1 * TEV, 0 * DEG, 1 * DEG) == 0


@pytest.mark.parametrize(
    "psf", [gaussian_table(), Psf3Gauss.from_sigma(TRUE, OFFSET, 0.1 * DEG)], ids=["table", "gauss"]
)
def test_containment_radius_of_a_gaussian(psf):
    radius = containment_radius(psf, 0.68, [1, 10] * TEV, 1 * DEG)
    np.testing.assert_allclose(radius.to_value("deg"), 0.1 * np.sqrt(-2 * np.log(0.32)), atol=1e-3)


# -- background ------------------------------------------------------------------------------------------------------

LON, LAT = (Axis.from_edges(np.linspace(-3, 3, 7) * DEG, name=f"fov_{_}", interp="lin") for _ in ("lon", "lat"))
BKG_ENERGY = Axis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=12)
RATE = u.Unit("s-1 MeV-1 sr-1")
POINTING = SkyCoord(83, 22, unit="deg")
ON = parse_region("icrs;circle(83.5,22,0.1)")


def power_law(energy):
    return 1e-6 * energy.to_value("TeV") ** -2.7


def test_background_power_law_is_integrated_exactly():
    data = np.broadcast_to(power_law(BKG_ENERGY.center)[:, None, None], (12, 6, 6)) * RATE
    bkg = Background3D(BKG_ENERGY, LON, LAT, data)
    axis = Axis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=3)
    edges = axis.edges.value
    exact = 1.0 / 1.7 * (edges[:-1] ** -1.7 - edges[1:] ** -1.7)  # 1e-6 MeV-1 is 1 TeV-1
    got = bkg.integrate(axis, [0.1, -2] * DEG, [0, 1] * DEG)
    assert got.unit == u.Unit("s-1 sr-1")
    np.testing.assert_allclose(got.value, np.stack([exact, exact], axis=1), rtol=1e-10)


def test_background_of_two_and_three_dimensions_agree():
    data = power_law(BKG_ENERGY.center)[:, None] * np.ones(3) * RATE
    two = Background2D(BKG_ENERGY, OFFSET, data)
    three = Background3D(BKG_ENERGY, LON, LAT, data[:, :1, None] * np.ones((1, 6, 6)))
    axis = Axis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=3)
    np.testing.assert_allclose(
        two.integrate_region(axis, ON, POINTING).value, three.integrate_region(axis, ON, POINTING).value, rtol=1e-12
    )


def test_background_2d_is_flat_between_the_first_center_and_the_axis():
    data = power_law(BKG_ENERGY.center)[:, None] * np.array([4, 2, 1]) * RATE
    bkg = Background2D(BKG_ENERGY, OFFSET, data)
    rate = bkg.integrate(BKG_ENERGY, [0, 0.25, 0.5] * DEG, [0, 0, 0] * DEG)[3]
    np.testing.assert_allclose(rate.value, rate[0].value, rtol=1e-12)


def gradient(alignment="RADEC"):
    data = power_law(BKG_ENERGY.center)[:, None, None] * np.exp(LON.center.value)[:, None] * np.ones(6) * RATE
    return Background3D(BKG_ENERGY, LON, LAT, data, fov_alignment=alignment)


def test_longitude_grows_to_the_west_and_to_the_east_when_reversed():
    axis = Axis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=1)
    east = parse_region("icrs;circle(84,22,0.1)")
    west = parse_region("icrs;circle(82,22,0.1)")
    plain = [gradient().integrate_region(axis, _, POINTING).value[0] for _ in (east, west)]
    reverse = [
        gradient().aligned("REVERSE_LON_RADEC").integrate_region(axis, _, POINTING).value[0] for _ in (west, east)
    ]
    assert plain[0] < plain[1]
    np.testing.assert_allclose(plain, reverse, rtol=1e-9)


def test_mean_over_a_region_is_near_its_center_for_a_smooth_rate():
    axis = Axis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=2)
    center = gradient().integrate_region(axis, ON, POINTING)
    mean = gradient().integrate_region(axis, ON, POINTING, use_region_center=False)
    assert center.unit == u.Unit("s-1 sr-1") * u.sr
    np.testing.assert_allclose(mean.value, center.value, rtol=2e-3)
    assert (mean > center).all()  # the exponential is convex


def test_gaps_of_the_background_are_filled():
    data = (power_law(BKG_ENERGY.center)[:, None, None] * np.ones((1, 6, 6))).copy()
    data[5] = 0
    full = Background3D(BKG_ENERGY, LON, LAT, power_law(BKG_ENERGY.center)[:, None, None] * np.ones((1, 6, 6)) * RATE)
    gappy = Background3D(BKG_ENERGY, LON, LAT, data * RATE)
    where = (BKG_ENERGY, 0.3 * DEG, 0.2 * DEG)
    np.testing.assert_allclose(gappy.integrate(*where).value, full.integrate(*where).value, rtol=1e-10)
    assert gappy.evaluate(BKG_ENERGY.center[5], 0.5 * DEG, 0.5 * DEG).value < 1e-30


def test_a_field_that_rotates_has_no_region():
    bkg = gradient("ALTAZ")
    with pytest.raises(ValueError, match="alignment ALTAZ"):
        bkg.integrate_region(BKG_ENERGY, ON, POINTING)


def test_unknown_alignment_is_named():
    with pytest.raises(ValueError, match="fov_alignment is 'UP'"):
        gradient("UP")


# -- rad_max ---------------------------------------------------------------------------------------------------------


def test_rad_max_is_that_of_the_nearest_bin():
    energy = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=2)
    cut = RadMax(energy, OFFSET, np.array([[0.3, 0.3, 0.3], [0.1, 0.2, 0.2]]) * DEG)
    got = cut.evaluate([0.9, 1.1, 1.1, 11, 1] * TEV, [0.5, 0.9, 1.2, 1, 4] * DEG)
    assert got.to_value("deg").tolist() == [0.3, 0.1, 0.2, 0, 0]
    assert not cut.is_fixed


def test_rad_max_keyword_holds_everywhere():
    aeff = EffectiveArea(TRUE, OFFSET, 1 * u.m**2, is_pointlike=True, rad_max=0.14 * DEG)
    cut = RadMax.from_keyword(aeff)
    assert cut.is_fixed
    assert cut.evaluate([1e-3, 1, 1e4] * TEV, 9 * DEG).to_value("deg").tolist() == [0.14] * 3
    assert RadMax.from_keyword(EffectiveArea(TRUE, OFFSET, 1 * u.m**2)) is None


def test_responses_introduce_themselves():
    for response in (gaussian_edisp(), *PSFS.values(), gradient(), EffectiveArea(TRUE, OFFSET, 1 * u.m**2)):
        assert "3 deg" in repr(response)

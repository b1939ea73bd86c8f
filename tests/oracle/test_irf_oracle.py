"""Responses of real files against numbers that gammapy 2.1 gave for the same files.

The numbers were made with gammapy 2.1 (regions 0.11, astropy 7) through its public API: ``DataStore.obs(...).aeff`` and
``load_irf_dict_from_file`` for the responses, ``evaluate`` at the coordinates below, ``to_edisp_kernel`` for the energy
dispersion, ``PSF.containment`` and ``containment_radius``, ``SpectrumDatasetMaker`` for the background of a region.
"""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region, region_mask, region_solid_angle
from gammapy_hli.engine.irf.psf import containment_radius
from gammapy_hli.engine.irf.reader import read_irfs

ENERGY = [0.3, 1, 5, 20] * u.TeV
OFFSET = [0.5, 0.7, 1.2, 2.1] * u.deg
MIGRA = [0.8, 1, 1.1, 0.95] * u.one
RAD = [0.03, 0.05, 0.11, 0.2] * u.deg
FOV_LON, FOV_LAT = [0.3, -1.1, 2, 0] * u.deg, [0, 0.7, -1.5, 0.4] * u.deg
TRUE = Axis.from_energy_bounds("0.05 TeV", "100 TeV", per_decade=20, name="energy_true")
RECO = Axis.from_energy_bounds("0.1 TeV", "40 TeV", per_decade=10)
KERNEL_BINS = [20, 30, 30, 45], [7, 12, 13, 19]

FILES = {
    "hess": "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_023523.fits.gz",
    "cta_1dc": "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits",
    "prod5": "cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz",
    "magic": "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits",
}
REFERENCE = {
    "hess": {
        "aeff": [0, 226012.558725, 429104.969212, 391680.006465],
        "edisp": [0, 2.05086698032, 1.22966258669, 2.3344909964],
        "kernel": [0.194750376677, 0.360016334742, 0.14655157556, 0.327493570804],
        "kernel_sum": 51.9692128794,
        "psf": [58215.9401448, 80168.0353814, 12335.841821, 2900.50612015],
        "containment": [0.0473886991764, 0.265721927283, 0.655008689117, 0.731151072313],
        "r68": [0.16383840926, 0.121778267436, 0.120517901331, 0.163513774052],
        "bkg": [1.7260821077e-16, 0.000419839142536, 7.59141055664e-06, 2.43875756133e-07],
    },
    "cta_1dc": {
        "aeff": [383743.248666, 874543.394816, 3112660.06101, 3879462.1005],
        "edisp": [367.716054978, 1551.25653486, 222.630036538, 152.890827611],
        "kernel": [0.793208318891, 0.850895573188, 0.0610430108675, 0.306515321148],
        "kernel_sum": 53.0056566352,
        "psf": [161401.18738, 153221.245072, 727.751224353, 7.57284994862e-06],
        "containment": [0.151041270622, 0.662655116469, 0.998737457952, 0.999999999988],
        "r68": [0.07925, 0.05125, 0.04525, 0.04275],
        "bkg": [0.00268493210602, 0.000128334306115, 4.0360987614e-06, 1.4496031388e-07],
    },
    "prod5": {
        "aeff": [298347.55412, 730333.188579, 1739676.44425, 2275417.6828],
        "edisp": [0.00777503765989, 0.0543490719638, 0.0127476057292, 0.041086944403],
        "kernel": [0.764873944198, 0.843499946575, 0.0267693448375, 0.394334461412],
        "kernel_sum": 52.8649285316,
        "psf": [142863.286661, 153079.063304, 74.5522456917, 1.46366585279e-14],
        "containment": [0.132196776971, 0.596798043123, 0.999907003943, 1],
        "r68": [0.08525, 0.05625, 0.03875, 0.03175],
        "bkg": [0.00248371129354, 0.000116648438166, 2.25987573524e-06, 1.40624710967e-07],
    },
    "magic": {
        "aeff": [56605.2331321, 93296.9711833, 133067.880754, 104503.443317],
        "edisp": [1.33528894065, 1.15113833494, 0.877086911425, 1.03216236539],
        "kernel": [0.280643544994, 0.289275214283, 0.141397429281, 0.227558849456],
        "kernel_sum": 53.665747761,
        "rad_max": [0.141421347857, 0.10000000149, 0.10000000149, 0.10000000149],
    },
}


@pytest.fixture(scope="module")
def responses(gammapy_data):
    return {name: read_irfs(gammapy_data / path) for name, path in FILES.items()}


def offset_of(name):
    return np.full(4, 0.4) * u.deg if name == "magic" else OFFSET


def values_of(quantity, irfs, offset):
    """What is compared under each name of REFERENCE, as plain numbers."""
    if quantity == "aeff":
        return irfs["aeff"].evaluate(ENERGY, offset).to_value("m2")
    if quantity == "edisp":
        return irfs["edisp"].evaluate(ENERGY, MIGRA, offset)
    if quantity.startswith("kernel"):
        kernel = irfs["edisp"].kernel(TRUE, RECO, offset[0])
        return kernel.sum() if quantity == "kernel_sum" else kernel[KERNEL_BINS]
    if quantity == "psf":
        return irfs["psf"].evaluate(ENERGY, RAD, offset).to_value("sr-1")
    if quantity == "containment":
        return irfs["psf"].containment(RAD, ENERGY, offset)
    if quantity == "r68":
        return containment_radius(irfs["psf"], 0.68, ENERGY, offset).to_value("deg")
    if quantity == "bkg":
        return irfs["bkg"].evaluate(ENERGY, FOV_LON, FOV_LAT).to_value("s-1 MeV-1 sr-1")
    return irfs["rad_max"].evaluate(ENERGY, offset).to_value("deg")


# gammapy takes logarithms of the background in float32, we in float64: 1e-5; all others differ by rounding, 1e-8
TOLERANCE = {"bkg": 1e-5}


@pytest.mark.parametrize(
    ("name", "quantity"), [(name, quantity) for name, row in REFERENCE.items() for quantity in row]
)
def test_response_agrees_with_gammapy(responses, name, quantity):
    got = values_of(quantity, responses[name], offset_of(name))
    np.testing.assert_allclose(got, REFERENCE[name][quantity], rtol=TOLERANCE.get(quantity, 1e-8), atol=1e-30)


# The set-up of gammapy's own test of the spectrum maker (R7 of the reference numbers): region circle 0.11 deg, energy
# edges logspace(0, 2, 5) TeV; counts at the center of the region, per bin, and summed over the mean of the region.
REGION = "icrs;circle(83.63, 22.01, 0.11)"
BACKGROUND = {
    23523: (
        21.514444444444,
        1687.0,
        [6.087963313669271, 1.4688265560799647, 0.18646381830891348, 0.004627589343115935],
        7.7429157,
    ),
    23526: (
        22.514444444444,
        1683.0,
        [4.392692721481792, 1.1758976239335552, 0.16303415590832096, 0.00022044612853271419],
        5.7316340,
    ),
}


@pytest.mark.parametrize("obs_id", BACKGROUND)
def test_background_of_a_region_agrees_with_the_spectrum_maker(gammapy_data, obs_id):
    declination, ontime, center, mean = BACKGROUND[obs_id]
    irfs = read_irfs(gammapy_data / f"hess-dl3-dr1/data/hess_dl3_dr1_obs_id_{obs_id:06d}.fits.gz")
    bkg = irfs["bkg"].aligned("REVERSE_LON_RADEC")
    axis = Axis.from_edges(np.logspace(0, 2, 5) * u.TeV)
    arguments = axis, parse_region(REGION), SkyCoord(83.633333333333, declination, unit="deg")
    counts = bkg.integrate_region(*arguments).to_value("s-1") * ontime
    np.testing.assert_allclose(counts, center, rtol=1e-6)  # logarithms in float32 there
    averaged = bkg.integrate_region(*arguments, use_region_center=False).to_value("s-1") * ontime
    np.testing.assert_allclose(averaged.sum(), mean, rtol=1e-5)


def test_effective_area_at_5_tev_with_and_without_containment(responses):
    offset = SkyCoord(83.63, 22.01, unit="deg").separation(SkyCoord(83.633333333333, 21.514444444444, unit="deg"))
    area = responses["hess"]["aeff"].evaluate(5 * u.TeV, offset).to_value("m2")
    assert area == pytest.approx(580254.9, rel=1e-6)
    inside = responses["hess"]["psf"].containment(0.11 * u.deg, 5 * u.TeV, offset)
    # the reference interpolates exposure x containment between bins of energy: 2e-5
    assert area * inside == pytest.approx(375314.356, rel=1e-4)


def test_thresholds_are_those_of_the_header(responses):
    low, high = responses["hess"]["aeff"].thresholds
    assert low.to_value("TeV") == pytest.approx(0.87096359, rel=1e-8)
    assert high.to_value("TeV") == pytest.approx(100)


def test_mask_of_a_circle_far_from_the_center_has_the_pixels_of_gammapy():
    center = SkyCoord(83.63, 22.01, unit="deg")
    mask = ExclusionMask.from_regions("galactic;circle(183.604,-8.708,0.5)", center, 0.05 * u.deg, 7.5 * u.deg)
    assert mask.data.shape == (150, 150)
    assert (~mask.data).sum() == 314


# events of runs 23523 and 23526 inside, by ``RegionGeom.contains``; solid angle [sr] by ``RegionGeom.solid_angle``
INSIDE = {
    "icrs;circle(83.63,22.01,0.3)": ([425, 475], 8.612854634074742e-05),
    "galactic;box(184.5,-5.8,1.2,0.5,30)": ([586, 648], 0.00018277045188599104),
    "icrs;ellipse(83.63,22.01,0.6,0.2,20)": ([467, 504], 0.00011483806178762649),
    "fk5;annulus(83.63,22.01,0.3,0.7)": ([607, 628], 0.00038279353929245545),
}


@pytest.mark.parametrize("spec", INSIDE)
def test_regions_contain_the_same_events_and_solid_angle(gammapy_data, spec):
    region, (counts, solid_angle) = parse_region(spec), INSIDE[spec]
    got = []
    for obs_id in (23523, 23526):
        with fits.open(gammapy_data / f"hess-dl3-dr1/data/hess_dl3_dr1_obs_id_{obs_id:06d}.fits.gz") as hdus:
            events = hdus["EVENTS"].data
            ra, dec = (np.deg2rad(events[name].astype(np.float64)) for name in ("RA", "DEC"))
        got.append(int(region_mask(region, ra, dec).sum()))
    assert got == counts
    # the local scale there is a difference of 1 arcsec in float64: 1e-9
    assert region_solid_angle(region).to_value("sr") == pytest.approx(solid_angle, rel=1e-8)


def test_exclusion_mask_of_the_joint_crab_paper(gammapy_data):
    mask = ExclusionMask.read(gammapy_data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz")
    with fits.open(gammapy_data / FILES["hess"]) as hdus:
        events = hdus["EVENTS"].data
        ra, dec = (np.deg2rad(events[name].astype(np.float64)) for name in ("RA", "DEC"))
    assert mask.data.shape == (250, 250)
    # number of excluded events by gammapy's ``Map.get_by_coord``
    assert (~mask.is_allowed(ra, dec)).sum() == 426

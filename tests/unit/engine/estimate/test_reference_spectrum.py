"""The spectrum that norms refer to: its columns, and what a negative one does to a light curve."""

from dataclasses import replace

import astropy.units as u
import numpy as np

from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.reference_spectrum import reference_spectrum, upright
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel


def power_law(amplitude):
    return PowerLawSpectralModel(index=2.0, amplitude=amplitude)


def test_reference_is_the_spectrum_in_the_bins():
    found = reference_spectrum(power_law(1e-11), [1, 4] * u.TeV)
    assert (found["e_ref"][0], found["e_min"][0], found["e_max"][0]) == (2, 1, 4)
    np.testing.assert_allclose(found["ref_dnde"], 0.25e-11)
    np.testing.assert_allclose(found["ref_flux"], 0.75e-11)
    np.testing.assert_allclose(found["ref_eflux"], 1e-11 * np.log(4))


def test_a_negative_reference_is_turned_over():
    above, below = (reference_spectrum(power_law(amplitude), [1, 4] * u.TeV) for amplitude in (1e-11, -1e-11))
    assert upright(above)[0] == 1
    sign, turned = upright(below)
    assert sign == -1
    for name, values in above.items():
        np.testing.assert_allclose(turned[name], values)


def test_a_light_curve_of_a_deficit_is_negative_whatever_the_sign_of_the_reference(toy_counts):
    dataset = toy_counts(Models(SkyModel("crab", power_law(-2e-12))), np.random.default_rng(5), background=60.0)
    dataset = replace(dataset, gti=Gti([0.0], [600.0]), meta={"OBS_ID": [1]})
    up, down = (
        estimate_light_curve([dataset], Models(SkyModel("crab", power_law(amplitude))), "crab")
        for amplitude in (3e-12, -3e-12)
    )
    assert (up.sqrt_ts < 0).all()
    for name in ("ref_flux", "norm", "norm_err", "norm_ul", "sqrt_ts", "exposure"):
        np.testing.assert_allclose(getattr(down, name), getattr(up, name), rtol=1e-6, err_msg=name)

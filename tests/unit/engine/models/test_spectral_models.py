"""Laws of the spectral models: closed and numeric integrals agree, gradients are slopes, compounds join."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.build import make_spectral
from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import NumericSpectrum
from gammapy_hli.engine.models.spectral.compound import CompoundSpectralModel
from gammapy_hli.engine.models.spectral.piecewise import PiecewiseNormSpectralModel
from gammapy_hli.engine.models.spectral.template import TemplateSpectralModel, read_template

EDGES = np.geomspace(0.3, 30, 24)
SPECIAL = {
    "CompoundSpectralModel",
    "EBLAbsorptionNormSpectralModel",
    "PiecewiseNormSpectralModel",
    "TemplateSpectralModel",
}
VALUES = {  # away from the defaults where those are special: equal indices, curvature 0
    "sbpl": {"index1": 1.7, "index2": 2.6, "ebreak": 3, "beta": 0.7},
    "bpl": {"index1": 1.7, "index2": 2.6, "ebreak": EDGES[7]},
    "ecpl": {"index": 2.1, "alpha": 0.8},
    "secpl-4fgl": {"expfactor": 2e-14, "index_2": 1.9},
    "secpl-4fgl-dr3": {"expfactor": 0.3, "index_2": 0.6},
    "lp": {"alpha": 2.3, "beta": 0.2, "reference": 1.3},
    "pl-2": {"index": 2.4},
    "pl-norm": {"tilt": 0.3, "norm": 1.2},
    "lp-norm": {"alpha": 0.3, "beta": 0.1},
    "ecpl-norm": {"index": 0.3, "alpha": 0.8},
    "gauss": {"mean": 4, "sigma": 2.5},
}


def simple_models():
    for entry in SPECTRAL.values():
        if entry.tag not in SPECIAL:
            short = entry.short[0]
            yield short, make_spectral(short, **VALUES.get(short, {}))
    for interp in ("log", "lin"):
        yield f"piecewise {interp}", PiecewiseNormSpectralModel([0.5, 2, 9] * u.TeV, [1.2, 0.7, 1.9], interp)
    yield "product", make_spectral("ecpl") * make_spectral("pl-norm", norm=1.3, tilt=0.2)
    yield "quotient", make_spectral("ecpl") / make_spectral("pl-norm", norm=1.3, tilt=0.2)
    yield "sum", make_spectral("ecpl") + make_spectral("pl")
    yield "difference", make_spectral("pl") - make_spectral("ecpl", amplitude=1e-13)


MODELS = dict(simple_models())


def difference_quotient(function, values, place):
    """Slope by central differences of fourth order, good to some 1e-10 of the largest value."""
    step = 1e-3 * (abs(values[place]) or 1.0)
    total = 0.0
    for shift, weight in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)):
        moved = values.copy()
        moved[place] += shift * step
        total = total + weight * function(moved)
    return total / step


@pytest.mark.parametrize("power", [0, 1], ids=["flux", "energy flux"])
@pytest.mark.parametrize("name", MODELS)
def test_gradient_of_bin_integral_is_difference_quotient(name, power):
    model = MODELS[name]
    compiled, values = model.compile(EDGES, power), model.values
    flux, jacobian = compiled.flux_and_jacobian(values)
    np.testing.assert_allclose(flux, compiled.flux(values), rtol=1e-11)
    assert jacobian.shape == (len(values), len(EDGES) - 1)
    for place, parameter in enumerate(model.parameters.names):
        if name == "bpl" and parameter == "ebreak":
            continue  # nodes change sides when the break moves: the flux is not smooth in it
        expected = difference_quotient(compiled.flux, values, place)
        scale = np.abs(expected).max() + 1e-9 * np.abs(flux).max() / (abs(values[place]) or 1.0)
        np.testing.assert_allclose(jacobian[place], expected, atol=2e-7 * scale, err_msg=parameter)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_of_dnde_is_difference_quotient(name):
    model = MODELS[name]
    nodes, values = model.prepare(EDGES * 1.01), model.values
    flux, gradient = model.dnde_gradient(nodes, values)
    np.testing.assert_allclose(flux, model.dnde(nodes, values), rtol=1e-11)
    for place, parameter in enumerate(model.parameters.names):
        if name == "bpl" and parameter == "ebreak":
            continue
        expected = difference_quotient(lambda moved: model.dnde(nodes, moved), values, place)
        np.testing.assert_allclose(gradient[place], expected, atol=2e-7 * np.abs(expected).max(), err_msg=parameter)


@pytest.mark.parametrize("power", [0, 1], ids=["flux", "energy flux"])
@pytest.mark.parametrize("name", ["pl", "pl-norm", "pl-2", "gauss"])
def test_closed_integral_equals_numeric(name, power):
    model = MODELS[name]
    fine = np.geomspace(EDGES[0], EDGES[-1], 23 * 300 + 1)
    numeric = NumericSpectrum(model, fine[:-1], fine[1:], power).flux(model.values).reshape(23, 300).sum(axis=1)
    # power laws are exact for the trapezoid in log-log; a line of 6900 pieces is good to some 1e-6
    atol = 1e-5 * numeric.max() if name == "gauss" else 0.0
    np.testing.assert_allclose(model.compile(EDGES, power).flux(model.values), numeric, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("index", [1.0, 1 + 1e-12, 1 + 1e-9, 2.0, 2 - 1e-10])
@pytest.mark.parametrize("tag", ["pl", "pl-2"])
def test_power_laws_are_smooth_where_the_closed_form_has_a_zero_divisor(tag, index):
    model = make_spectral(tag)
    values = model.values
    place = model.parameters.place("index")
    around = []
    for shift in (-1e-4, 0.0, 1e-4):
        values[place] = index + shift
        around.append(model.bin_integrals(EDGES, values))
    mean = 0.5 * (around[0][0] + around[2][0])
    np.testing.assert_allclose(around[1][0], mean, rtol=1e-6)
    assert all(np.isfinite(jacobian).all() for _, jacobian in around)


def test_power_law_2_integrates_to_its_amplitude():
    model = make_spectral("pl-2", amplitude="3e-11 cm-2 s-1", emin="0.5 TeV", emax="20 TeV")
    assert model.integral(0.5 * u.TeV, 20 * u.TeV).to_value("cm-2 s-1") == pytest.approx(3e-11, rel=1e-12)


@pytest.mark.parametrize(("operator", "expected"), [("add", 3.0), ("sub", 1.0)])
def test_compound_joins_the_parts(operator, expected):
    model = CompoundSpectralModel(make_spectral("pl", amplitude=2e-12), make_spectral("pl"), operator)
    one = make_spectral("pl").compile(EDGES)
    np.testing.assert_allclose(model.compile(EDGES).flux(model.values), expected * one.flux(one_values()), rtol=1e-9)
    assert model.parameters.names[0] == "model1.index"


def one_values():
    return make_spectral("pl").values


def test_difference_that_changes_sign_is_integrated():
    """Two power laws cross at 1 TeV; their integrals are known."""
    model = make_spectral("pl", index=2.0) - make_spectral("pl", index=3.0)
    edges = np.geomspace(0.5, 2, 40)
    parts = model.model1.compile(edges).flux(model.model1.values) - model.model2.compile(edges).flux(
        model.model2.values
    )
    np.testing.assert_allclose(model.compile(edges).flux(model.values), parts, atol=3e-3 * np.abs(parts).max())


def test_compound_of_two_fluxes_cannot_be_a_product():
    with pytest.raises(InputError, match=r"both fluxes"):
        make_spectral("pl") * make_spectral("lp")
    with pytest.raises(InputError, match=r"Use mul for a factor"):
        make_spectral("pl") + make_spectral("pl-norm")
    with pytest.raises(InputError, match=r"Did you mean 'add'"):
        CompoundSpectralModel(make_spectral("pl"), make_spectral("pl"), "ad")
    with pytest.raises(InputError, match=r"got a int 3"):
        CompoundSpectralModel(make_spectral("pl"), 3, "add")


def test_smooth_break_without_a_break_is_a_power_law():
    model = make_spectral("sbpl", index1=2, index2=2)
    dnde = model([1, 10] * u.TeV).value
    assert dnde[0] / dnde[1] == pytest.approx(100)


def test_curvature_zero_of_4fgl_dr3_is_a_log_parabola():
    dr3 = make_spectral("secpl-4fgl-dr3", expfactor=0.4, index_1=2.1, index_2=1e-9, reference=2)
    parabola = make_spectral("lp", alpha=2.1, beta=0.2, reference=2)
    np.testing.assert_allclose(dr3(EDGES * u.TeV).value, parabola(EDGES * u.TeV).value, rtol=1e-8)


def test_template_follows_power_law_and_its_continuation():
    energy = np.array([0.5, 2, 9]) * u.TeV
    model = TemplateSpectralModel(energy, make_spectral("pl", index=2.5)(energy))
    np.testing.assert_allclose(
        model(EDGES * u.TeV).value, make_spectral("pl", index=2.5)(EDGES * u.TeV).value, rtol=1e-12
    )
    assert len(model.parameters) == 0


def test_template_is_read_from_a_table(tmp_path):
    from astropy.table import QTable

    table = QTable({"energy": [500, 2000] * u.GeV, "dnde": [1e-15, 1e-16] * u.Unit("cm-2 s-1 GeV-1")})
    table.write(tmp_path / "x.ecsv")
    model = TemplateSpectralModel(*read_template(tmp_path / "x.ecsv"))
    assert model(0.5 * u.TeV).to_value("cm-2 s-1 TeV-1") == pytest.approx(1e-12)
    table.rename_column("dnde", "dnd")
    table.write(tmp_path / "y.ecsv")
    with pytest.raises(InputError, match=r"no column 'dnde'. Did you mean 'dnd'"):
        read_template(tmp_path / "y.ecsv")
    with pytest.raises(InputError, match=r"cannot be read as a table"):
        read_template(tmp_path / "z.ecsv")


@pytest.mark.parametrize(
    ("energy", "values", "message"),
    [
        ([1, 2] * u.TeV, [1] * u.one, "two lists of one length"),
        ([2, 1] * u.TeV, [1, 2] * u.one, "not positive and rising"),
        ([1, 2] * u.TeV, [1, 2] * u.m, "values have unit m"),
    ],
)
def test_bad_template_is_refused(energy, values, message):
    with pytest.raises(InputError, match=message):
        TemplateSpectralModel(energy, values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0.5] * u.TeV,), "at least two energies"),
        (([1, 2] * u.TeV, [1.0]), "1 norms for 2 energies"),
        (([1, 2] * u.TeV, None, "cubic"), "interp is 'cubic'"),
    ],
)
def test_bad_piecewise_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        PiecewiseNormSpectralModel(*arguments)


def test_error_band_of_power_law_is_narrowest_at_the_pivot():
    model = make_spectral("pl", index=2.2, amplitude=2e-11)
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = [[0.01, 1e-13], [1e-13, 4e-24]]
    pivot = model.pivot_energy(covariance).to_value("TeV")
    assert pivot == pytest.approx(np.exp(1e-13 / (2e-11 * 0.01)), rel=1e-5)  # reference exp(cov / (A σ²))
    energy = pivot * np.array([0.5, 0.9, 1, 1.1, 2]) * u.TeV
    relative = (model.dnde_error(energy, covariance) / model(energy)).to_value("")
    assert relative.argmin() == 2
    at_reference = model.dnde_error(1 * u.TeV, covariance)
    assert at_reference.to_value("cm-2 s-1 TeV-1") == pytest.approx(2e-12)


def test_pivot_is_nan_where_the_relative_error_is_constant():
    covariance = np.zeros((3, 3))
    covariance[1, 1] = 4e-24
    assert np.isnan(make_spectral("pl").pivot_energy(covariance))


def test_errors_of_integrals_scale_with_the_amplitude():
    model = make_spectral("lp")
    covariance = np.zeros((4, 4))
    covariance[0, 0] = (0.1e-12) ** 2
    for value, error in (
        (model.integral(1 * u.TeV, 3 * u.TeV), model.integral_error(1 * u.TeV, 3 * u.TeV, covariance)),
        (model.energy_flux(1 * u.TeV, 3 * u.TeV), model.energy_flux_error(1 * u.TeV, 3 * u.TeV, covariance)),
    ):
        assert (error / value).to_value("") == pytest.approx(0.1)


def test_energy_without_unit_of_energy_is_refused():
    with pytest.raises(InputError, match=r"energy has unit m; expected a unit convertible to TeV"):
        make_spectral("pl")(1 * u.m)


def test_parameters_are_attributes_and_typos_are_refused():
    model = make_spectral("pl", index=2.3)
    model.amplitude = "3e-14 cm-2 s-1 GeV-1"
    assert model.amplitude.value == pytest.approx(3e-11)
    with pytest.raises(InputError, match=r"Did you mean 'index'"):
        model.indx = 3
    with pytest.raises(AttributeError, match=r"Did you mean 'amplitude'"):
        _ = model.amplitud
    with pytest.raises(InputError, match=r"Did you mean 'lambda_'"):
        make_spectral("ecpl", lamda=3)


def test_last_compilation_is_kept_and_dropped_when_edges_change():
    model = make_spectral("ecpl")
    flux, _ = model.bin_integrals(EDGES, model.values)
    assert model.bin_flux(EDGES, model.values) == pytest.approx(flux)
    assert len(model.bin_flux(EDGES[:5], model.values)) == 4
    assert model.copy() == model

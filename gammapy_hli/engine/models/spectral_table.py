"""The spectral models: names, parameters, units, defaults and help. Plain data, no numpy."""

from gammapy_hli.engine.models.entries import DNDE, ModelEntry, OptionEntry, ParameterEntry

__all__ = ["EBL_REFERENCES", "SPECTRAL_ENTRIES"]

P = ParameterEntry
_FOLDER = "gammapy_hli.engine.models.spectral"

EBL_REFERENCES = {
    "franceschini": "ebl_franceschini.fits.gz",
    "dominguez": "ebl_dominguez11.fits.gz",
    "finke": "frd_abs.fits.gz",
    "franceschini17": "ebl_franceschini_2017.fits.gz",
    "saldana-lopez21": "ebl_saldana-lopez_2021.fits.gz",
}
"""Tables of the extragalactic background light by reference: files of ``$GAMMAPY_DATA/ebl``."""


def _index(name: str = "index", default: float = 2.0, what: str = "Photon index Γ; positive falls with energy.") -> P:
    return P(name, default, help=what)


def _amplitude(what: str = "Differential flux at the reference energy.") -> P:
    return P("amplitude", 1e-12, DNDE, help=what)


def _norm(what: str = "Factor at the reference energy.") -> P:
    return P("norm", 1.0, help=what)


def _reference(default: float = 1.0) -> P:
    return P("reference", default, "TeV", frozen=True, help="Reference energy; fixed by choice, never fitted.")


def _cutoff_rate() -> P:
    return P("lambda_", 0.1, "TeV-1", help="Inverse of the cut-off energy, λ = 1/E_cut.")


def _cutoff_shape() -> P:
    return P("alpha", 1.0, frozen=True, help="Power of the cut-off; 1 is a plain exponential.")


SPECTRAL_ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "ConstantSpectralModel",
        ("const",),
        "spectral",
        (P("const", 1e-12, DNDE, help="Differential flux at every energy."),),
        "Constant: dnde = const.",
        unit=DNDE,
        implementation=f"{_FOLDER}.constant:ConstantSpectralModel",
    ),
    ModelEntry(
        "CompoundSpectralModel",
        ("compound",),
        "spectral",
        (),
        "Two models joined by an operator: dnde = model1 (operator) model2. Its parameters are model1.* and model2.*.",
        options=(
            OptionEntry(
                "model1", "model", required=True, help="Left spectral model, with its own type and parameters."
            ),
            OptionEntry(
                "model2", "model", required=True, help="Right spectral model, with its own type and parameters."
            ),
            OptionEntry(
                "operator",
                "choice",
                allowed=("add", "sub", "mul", "truediv"),
                required=True,
                help="add and sub join two fluxes; mul and truediv take a flux and a dimensionless (norm) model.",
            ),
        ),
        unit=DNDE,
        implementation=f"{_FOLDER}.compound:CompoundSpectralModel",
    ),
    ModelEntry(
        "PowerLawSpectralModel",
        ("pl",),
        "spectral",
        (_index(), _amplitude(), _reference()),
        "Power law: dnde = amplitude (E/reference)^(-index).",
        unit=DNDE,
        implementation=f"{_FOLDER}.power_law:PowerLawSpectralModel",
    ),
    ModelEntry(
        "PowerLaw2SpectralModel",
        ("pl-2",),
        "spectral",
        (
            P("amplitude", 1e-12, "s-1 cm-2", help="Integral flux between emin and emax."),
            _index(),
            P("emin", 0.1, "TeV", frozen=True, help="Lower end of the range of the integral flux."),
            P("emax", 100.0, "TeV", frozen=True, help="Upper end of the range of the integral flux."),
        ),
        "Power law with the integral flux as amplitude: "
        "dnde = amplitude (1-index) E^(-index) / (emax^(1-index) - emin^(1-index)).",
        unit=DNDE,
        implementation=f"{_FOLDER}.power_law:PowerLaw2SpectralModel",
    ),
    ModelEntry(
        "BrokenPowerLawSpectralModel",
        ("bpl",),
        "spectral",
        (
            _index("index1", what="Photon index below the break."),
            _index("index2", what="Photon index above the break."),
            _amplitude("Differential flux at the break energy."),
            P("ebreak", 1.0, "TeV", help="Break energy."),
        ),
        "Broken power law: dnde = amplitude (E/ebreak)^(-index1) below ebreak, amplitude (E/ebreak)^(-index2) above.",
        unit=DNDE,
        implementation=f"{_FOLDER}.broken_power_law:BrokenPowerLawSpectralModel",
    ),
    ModelEntry(
        "SmoothBrokenPowerLawSpectralModel",
        ("sbpl",),
        "spectral",
        (
            _index("index1", what="Photon index far below the break."),
            _index("index2", what="Photon index far above the break."),
            _amplitude("Differential flux at the reference energy, if that is far below the break."),
            P("ebreak", 1.0, "TeV", help="Break energy."),
            _reference(),
            P("beta", 1.0, frozen=True, help="Smoothness of the break; larger is smoother."),
        ),
        "Smoothly broken power law: "
        "dnde = amplitude (E/reference)^(-index1) [1 + (E/ebreak)^((index2-index1)/beta)]^(-beta), "
        "with the sign of beta that of index2 - index1.",
        unit=DNDE,
        implementation=f"{_FOLDER}.broken_power_law:SmoothBrokenPowerLawSpectralModel",
    ),
    ModelEntry(
        "PiecewiseNormSpectralModel",
        ("piecewise-norm",),
        "spectral",
        (),
        "Factor given at nodes in energy and interpolated between them; its parameters are norm_0, norm_1, ...",
        options=(
            OptionEntry("energy", "quantities", required=True, help="Energies of the nodes, at least two, rising."),
            OptionEntry(
                "interp", "choice", "log", ("log", "lin"), help="Interpolation in log-log or in linear coordinates."
            ),
        ),
        unit="",
        implementation=f"{_FOLDER}.piecewise:PiecewiseNormSpectralModel",
    ),
    ModelEntry(
        "ExpCutoffPowerLawSpectralModel",
        ("ecpl",),
        "spectral",
        (
            _index(default=1.5),
            _amplitude("Differential flux at the reference energy, before the cut-off."),
            _reference(),
            _cutoff_rate(),
            _cutoff_shape(),
        ),
        "Power law with exponential cut-off: dnde = amplitude (E/reference)^(-index) exp(-(lambda_ E)^alpha).",
        unit=DNDE,
        implementation=f"{_FOLDER}.cutoff:ExpCutoffPowerLawSpectralModel",
    ),
    ModelEntry(
        "ExpCutoffPowerLaw3FGLSpectralModel",
        ("ecpl-3fgl",),
        "spectral",
        (_index(default=1.5), _amplitude(), _reference(), P("ecut", 10.0, "TeV", help="Cut-off energy.")),
        "Cut-off power law of the 3FGL catalogue: dnde = amplitude (E/reference)^(-index) exp((reference-E)/ecut).",
        unit=DNDE,
        implementation=f"{_FOLDER}.cutoff:ExpCutoffPowerLaw3FGLSpectralModel",
    ),
    ModelEntry(
        "SuperExpCutoffPowerLaw3FGLSpectralModel",
        ("secpl-3fgl",),
        "spectral",
        (
            _amplitude(),
            _reference(),
            P("ecut", 10.0, "TeV", help="Cut-off energy."),
            _index("index_1", 1.5, "Photon index below the cut-off."),
            _index("index_2", 2.0, "Power of the cut-off."),
        ),
        "Super-exponential cut-off of the 3FGL catalogue: "
        "dnde = amplitude (E/reference)^(-index_1) exp((reference/ecut)^index_2 - (E/ecut)^index_2).",
        unit=DNDE,
        implementation=f"{_FOLDER}.cutoff:SuperExpCutoffPowerLaw3FGLSpectralModel",
    ),
    ModelEntry(
        "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
        ("secpl-4fgl-dr3",),
        "spectral",
        (
            _amplitude(),
            _reference(),
            P(
                "expfactor",
                0.01,
                help="Curvature: minus the change of the local index per unit of ln E at the reference energy.",
            ),
            _index("index_1", 1.5, "Photon index at the reference energy."),
            _index("index_2", 2.0, "Power of the cut-off."),
        ),
        "Super-exponential cut-off of 4FGL-DR3: "
        "dnde = amplitude x^(-index_1 + expfactor/index_2) exp(expfactor/index_2² (1 - x^index_2)), "
        "x = E/reference.",
        unit=DNDE,
        implementation=f"{_FOLDER}.cutoff:SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    ),
    ModelEntry(
        "SuperExpCutoffPowerLaw4FGLSpectralModel",
        ("secpl-4fgl",),
        "spectral",
        (
            _amplitude(),
            _reference(),
            P("expfactor", 1e-14, help="Exponential factor, for energies in MeV: a in exp(-a E^index_2)."),
            _index("index_1", 1.5, "Photon index far below the cut-off."),
            _index("index_2", 2.0, "Power of the cut-off."),
        ),
        "Super-exponential cut-off of 4FGL: "
        "dnde = amplitude (E/reference)^(-index_1) exp(expfactor (reference^index_2 - E^index_2)), "
        "with the energies of the exponent in MeV.",
        unit=DNDE,
        implementation=f"{_FOLDER}.cutoff:SuperExpCutoffPowerLaw4FGLSpectralModel",
    ),
    ModelEntry(
        "LogParabolaSpectralModel",
        ("lp",),
        "spectral",
        (
            _amplitude(),
            _reference(10.0),
            _index("alpha", what="Photon index at the reference energy."),
            P("beta", 1.0, help="Curvature, with the natural logarithm."),
        ),
        "Log-parabola: dnde = amplitude (E/reference)^(-alpha - beta ln(E/reference)).",
        unit=DNDE,
        implementation=f"{_FOLDER}.log_parabola:LogParabolaSpectralModel",
    ),
    ModelEntry(
        "LogParabola2SpectralModel",
        ("lp2",),
        "spectral",
        (
            _amplitude(),
            _reference(10.0),
            P("alpha", 2.0, help="Index, together with the curvature term at the scale energy."),
            P("beta", 1.0, help="Curvature, with the natural logarithm."),
            P("escale", 1.0, "TeV", frozen=True, help="Energy at which the curvature term vanishes."),
        ),
        "Log-parabola with its own energy scale: dnde = amplitude (E/reference)^(-alpha - beta ln(E/escale)).",
        unit=DNDE,
        implementation=f"{_FOLDER}.log_parabola:LogParabola2SpectralModel",
    ),
    ModelEntry(
        "TemplateSpectralModel",
        ("template",),
        "spectral",
        (),
        "Differential flux from a table, interpolated in log-log; "
        "it has no parameters (multiply it by a norm model to fit it).",
        options=(
            OptionEntry(
                "filename",
                "path",
                help="Table with the columns energy and dnde (or values): ECSV, FITS or text with units.",
            ),
            OptionEntry("energy", "quantities", help="Energies, where the table is not in a file."),
            OptionEntry("values", "quantities", help="Differential fluxes (or pure numbers) at the energies."),
        ),
        unit=DNDE,
        implementation=f"{_FOLDER}.template:TemplateSpectralModel",
    ),
    ModelEntry(
        "GaussianSpectralModel",
        ("gauss",),
        "spectral",
        (
            P("amplitude", 1e-12, "s-1 cm-2", help="Integral flux of the line."),
            P("mean", 1.0, "TeV", help="Energy of the line."),
            P("sigma", 2.0, "TeV", help="Width of the line."),
        ),
        "Gaussian line: dnde = amplitude / (sigma √(2π)) exp(-(E-mean)²/(2 sigma²)).",
        unit=DNDE,
        implementation=f"{_FOLDER}.gaussian:GaussianSpectralModel",
    ),
    ModelEntry(
        "PowerLawNormSpectralModel",
        ("pl-norm",),
        "spectral",
        (P("tilt", 0.0, frozen=True, help="Tilt; positive falls with energy."), _norm(), _reference()),
        "Power-law factor: norm (E/reference)^(-tilt).",
        unit="",
        implementation=f"{_FOLDER}.power_law:PowerLawNormSpectralModel",
    ),
    ModelEntry(
        "LogParabolaNormSpectralModel",
        ("lp-norm",),
        "spectral",
        (
            _norm(),
            _reference(10.0),
            P("alpha", 0.0, help="Index at the reference energy."),
            P("beta", 0.0, help="Curvature, with the natural logarithm."),
        ),
        "Log-parabola factor: norm (E/reference)^(-alpha - beta ln(E/reference)).",
        unit="",
        implementation=f"{_FOLDER}.log_parabola:LogParabolaNormSpectralModel",
    ),
    ModelEntry(
        "ExpCutoffPowerLawNormSpectralModel",
        ("ecpl-norm",),
        "spectral",
        (
            P("index", 0.0, help="Index; positive falls with energy."),
            _norm(),
            _reference(),
            _cutoff_rate(),
            _cutoff_shape(),
        ),
        "Cut-off power-law factor: norm (E/reference)^(-index) exp(-(lambda_ E)^alpha).",
        unit="",
        implementation=f"{_FOLDER}.cutoff:ExpCutoffPowerLawNormSpectralModel",
    ),
    ModelEntry(
        "EBLAbsorptionNormSpectralModel",
        ("ebl-norm",),
        "spectral",
        (
            P(
                "redshift",
                0.1,
                frozen=True,
                help="Redshift of the source, inside of the table.",
                required=True,
                least=0,
            ),
            P("alpha_norm", 1.0, frozen=True, help="Factor on the opacity; 1 is the table as it is.", least=0),
        ),
        "Absorption by the extragalactic background light: exp(-alpha_norm τ(E, redshift)), with τ from a table; "
        "interpolated linearly in redshift, ln E and τ.",
        options=(
            OptionEntry(
                "reference",
                "choice",
                allowed=tuple(EBL_REFERENCES),
                help="Table of $GAMMAPY_DATA/ebl: Franceschini 2008, Domínguez 2011, Finke 2010, Franceschini 2017, "
                "Saldaña-López 2021.",
            ),
            OptionEntry("filename", "path", help="A table of one's own: XSPEC table model with the redshift."),
            OptionEntry("energy", "quantities", help="Energies, where the table is not in a file."),
            OptionEntry("param", "quantities", help="Redshifts, where the table is not in a file."),
            OptionEntry("values", "quantities", help="Fractions that arrive, a list of energies for each redshift."),
        ),
        unit="",
        implementation=f"{_FOLDER}.ebl:EBLAbsorptionNormSpectralModel",
    ),
)

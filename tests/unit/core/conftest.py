"""A tree of components shaped like CONFIG.md section 8, for the tests of the tool kit."""

from types import SimpleNamespace

import pytest

from gammapy_hli.core.component import Alternatives, Component, Named, Slot
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import CommandLine, FileSource, PythonSource, TextSource
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import (
    Bool,
    Choice,
    Float,
    Int,
    List,
    ModelParameter,
    Path,
    Prior,
    Quantity,
    QuantityList,
    Region,
    SkyPosition,
    Str,
    Time,
)
from gammapy_hli.core.typed import ModelSpec, ModelType

DNDE = "TeV-1 s-1 cm-2"


class General(Component):
    """What concerns the whole run."""

    outdir = Path(
        "hli-out", role="output", folder=True, help="Folder of all products.", affects_result=False, level="basic"
    )
    n_jobs = Int(1, min=1, help="Processes.", affects_result=False)
    log_level = Choice(("debug", "info", "warning"), "info", help="How much is logged.", affects_result=False)
    store = Bool(True, help="Whether products are written.", affects_result=False)


class EnergyAxis(Component):
    """Bins of energy."""

    min = Quantity("0.1 TeV", unit="TeV", above="0 TeV", help="Lower end.", level="basic")
    max = Quantity("100 TeV", unit="TeV", above="0 TeV", help="Upper end.", level="basic")
    per_decade = Int(10, min=1, allow_none=True, group="binning", help="Bins per decade.", level="basic")
    nbins = Int(None, min=1, group="binning", help="Number of bins.")
    edges = QuantityList(None, unit="TeV", increasing=True, min_length=2, group="binning", help="The edges themselves.")

    def check(self):
        if self.edges is None and self.number_of("min") >= self.number_of("max"):
            message = f"{self.place_of('max')} is not above min {self.place_of('min')}"
            yield self.problem("max", message, code="order")


class Cone(Component):
    """A cone on the sky."""

    center = SkyPosition(help="Its middle.")
    radius = Quantity(unit="deg", above="0 deg", max="180 deg", help="Its radius.")


class Intervals(Component):
    """Intervals of time."""

    start = Time(None, help="When the first one starts.")
    length = Quantity("10 min", unit="s", above="0 s", help="How long each is.")
    number = Int(1, min=1, help="How many.")


class Selection(Tool):
    """Which runs are analyzed."""

    section = "selection"
    produces = "observations"
    datastore = Path(folder=True, help="Folder of the DL3 files.", level="basic")
    obs_ids = List(Int(min=0), [], help="Run numbers; empty for all.", level="basic")
    cone = Slot(Cone, optional=True, help="Only runs that point into a cone.")
    intervals = Slot(Intervals, optional=True, help="Cuts runs at times.")
    livetime_min = Quantity("0 s", unit="s", min="0 s", help="Shortest live time.")
    required_irfs = List(
        Choice(("aeff", "edisp", "psf", "bkg", "rad_max")), ["aeff", "edisp"], unique=True, help="Responses."
    )


class Ring(Component):
    """Background from a ring."""

    inner_radius = Quantity("0.5 deg", unit="deg", above="0 deg", help="Inner radius.")
    width = Quantity("0.3 deg", unit="deg", above="0 deg", help="Width.")


class Wobble(Component):
    """Background from mirrored positions."""

    n_off = Int(3, min=1, help="Number of off regions.")


class OffRuns(Component):
    """Background from other runs."""

    obs_ids = List(Int(), [], help="Run numbers.")


class Exclusion(Component):
    """What is left out of the background."""

    regions = List(Region(), [], help="Regions.")
    mask = Path(None, help="A mask file.")
    pixel = Quantity("0.05 deg", unit="deg", above="0 deg", help="Pixel of the mask.")


class Background(Component):
    """How the background is found."""

    method = Alternatives(
        {"reflected": None, "wobble": Wobble, "ring": Ring, "fov": None, "off-runs": OffRuns, "none": None},
        "reflected",
        help="Method.",
        level="basic",
    )
    exclusion = Slot(Exclusion)


class Reduction(Tool):
    """From events to datasets."""

    section = "reduction"
    requires = ("observations",)
    produces = "datasets"
    type = Choice(("spectrum", "image", "map"), "spectrum", help="What is made.", level="basic")
    on_region = Region(None, help="On region.", level="basic")
    energy = Slot(EnergyAxis, help="Reconstructed energy.", defaults={"max": "40 TeV"})
    energy_true = Slot(EnergyAxis, help="True energy.", defaults={"min": "0.05 TeV", "per_decade": 20})
    containment_correction = Bool(True, help="Whether the exposure is corrected.")
    stack = Bool(True, help="Whether maps are stacked.")
    background = Slot(Background)
    width = QuantityList(["2 deg", "2 deg"], unit="deg", length=2, help="Width of the map.")


PARAMETERS = {
    "index": ModelParameter(2.0, help="Index."),
    "amplitude": ModelParameter("1e-12 TeV-1 s-1 cm-2", unit=DNDE, help="Amplitude."),
    "reference": ModelParameter("1 TeV", unit="TeV", frozen=True, help="Reference energy."),
}


def spectral_types():
    yield ModelType("PowerLawSpectralModel", ("pl",), _copy("index", "amplitude", "reference"), "Power law.")
    cutoff = {
        **_copy("index", "amplitude", "reference"),
        "lambda_": ModelParameter("0.1 TeV-1", unit="TeV-1", help="Rate."),
    }
    yield ModelType("ExpCutoffPowerLawSpectralModel", ("ecpl",), cutoff, "Cut-off power law.")
    inner = {
        key: ModelSpec(lambda: list(spectral_types())[:2], help="Part.", required=True) for key in ("model1", "model2")
    }
    yield ModelType("CompoundSpectralModel", ("compound",), inner, "Two models.")


def _copy(*names):
    made = {}
    for name in names:
        trait = PARAMETERS[name]
        made[name] = ModelParameter(trait.default_raw, unit=trait.unit, frozen=trait.frozen, help=trait.help)
    return made


class Source(Component):
    """A source."""

    spectral = ModelSpec(spectral_types, help="Its spectrum.", required=True, level="basic")
    datasets_names = List(Str(), None, help="Datasets that it is in.")


class Model(Tool):
    """The models."""

    section = "model"
    produces = "models"
    sources = Named(Source, help="Sources.", item="source")


class EnergyScale(Component):
    """A nuisance parameter."""

    prior = Prior(None, help="Its prior.")


class Nuisances(Component):
    """Nuisance parameters of one dataset."""

    energy_scale = Slot(EnergyScale)


class Fit(Tool):
    """Fits the models."""

    section = "fit"
    requires = ("datasets", "models")
    produces = "fit_result"
    renamed = {"tol": "tolerance"}
    energy_range = QuantityList(None, unit="TeV", length=2, increasing=True, help="Range of the fit.")
    backend = Choice(("minuit",), "minuit", help="Minimizer.")
    stack = Bool(False, help="Whether the sum of the datasets is fitted.", level="basic")
    tolerance = Float(0.1, above=0, help="Tolerance.")
    nuisances = Named(Nuisances, help="By dataset.", item="dataset")


class FluxPoints(Tool):
    """Flux points."""

    section = "flux_points"
    requires = ("fit_result", "datasets", "models")
    produces = "flux_points"
    source = Str(None, help="Name of the source.", level="basic")
    energy = Slot(EnergyAxis, optional=True, help="Bins; null for those of the datasets.")
    n_sigma = Float(1, above=0, help="Sigmas of errors.")
    n_sigma_ul = Float(2, above=0, help="Sigmas of limits.")


class Maps(Tool):
    """Maps."""

    section = "maps"
    requires = ("datasets",)
    uses = ("fit_result", "models")
    produces = "maps"
    correlation_radius = Quantity("0.1 deg", unit="deg", help="Radius.")


class Report(Tool):
    """A page."""

    section = "report"
    gathers = ("observations", "datasets", "fit_result", "flux_points", "maps")
    produces = "report"
    title = Str("", help="Title.")


class Analysis(Component):
    """A whole analysis."""

    aliases = {"data_reduction": "reduction", "optimise": "fit"}
    general = Slot(General)
    steps = List(Str(), None, help="Steps in order; null for those that reduction.type asks for.")
    selection = Slot(Selection)
    reduction = Slot(Reduction)
    model = Slot(Model)
    fit = Slot(Fit)
    flux_points = Slot(FluxPoints)
    maps = Slot(Maps)
    report = Slot(Report)
    secret = Int(3, help="Not for users.", internal=True)

    def default_steps(self):
        if self.reduction.stored("type") == "image":
            return ["selection", "reduction", "maps", "report"]
        return ["selection", "reduction", "model", "fit", "flux_points", "report"]

    def check(self):
        source = self.flux_points.source
        if source is not None and self.model.sources and source not in self.model.sources:
            yield self.flux_points.problem(
                "source", f"no source '{source}' in model.sources: {', '.join(self.model.sources)}"
            )


CRAB = """\
config_version: 1
general: {outdir: crab-1d, n_jobs: 1, log_level: info}
steps: [selection, reduction, model, fit, fit@stacked, flux_points, report]
selection:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  obs_ids: [23523, 23526, 23559, 023592]
reduction:
  type: spectrum
  on_region: {circle: {center: "83.63 deg, 22.01 deg", radius: 0.11 deg}}
  energy: {min: 0.1 TeV, max: 40 TeV, per_decade: 10}
  energy_true: {min: 0.05 TeV, max: 100 TeV, per_decade: 20}
  containment_correction: true
  background:
    method: reflected
    exclusion: {regions: ["galactic;circle(183.604,-8.708,0.5)"], pixel: 0.05 deg}
model:
  sources:
    crab:
      spectral: {type: ecpl, index: 2, amplitude: 1e-12 cm-2 s-1 TeV-1, lambda_: 0.1 TeV-1, reference: 1 TeV}
fit: {energy_range: null, backend: minuit}
fit@stacked: {stack: true}
flux_points: {source: crab, inputs: {fit: fit}, energy: null, n_sigma: 1, n_sigma_ul: 2}
"""

JOINT = """\
steps: [selection@hess, reduction@hess, selection@magic, reduction@magic, model, fit, flux_points, report]
selection@hess: {datastore: hess, obs_ids: [23523, 23526, 23559, 23592]}
selection@magic: {datastore: magic, required_irfs: [aeff, edisp, rad_max]}
reduction: {energy: {nbins: 7}}
reduction@hess: {inputs: {observations: selection@hess}}
reduction@magic:
  inputs: {observations: selection@magic}
  on_region: {point: {center: "83.63 deg, 22.01 deg"}}
  background: {method: wobble, wobble: {n_off: 3}}
model: {sources: {crab: {spectral: {type: pl}}}}
fit:
  inputs: {datasets: [reduction@hess, reduction@magic]}
  nuisances: {magic: {energy_scale: {prior: {gauss: {mean: 0, sigma: 0.15}}}}}
flux_points: {source: crab}
"""


def from_text(*texts, command_line=(), python=None, root=Analysis, **more):
    sources = [TextSource(text, f"file{number}.yaml" if number else "crab.yaml") for number, text in enumerate(texts)]
    sources += [CommandLine(command_line)] if command_line else []
    sources += [PythonSource(python)] if python else []
    return resolve(root, sources, **more)


def from_files(*paths, **more):
    return resolve(Analysis, [FileSource(path) for path in paths], **more)


@pytest.fixture(scope="session")
def tree():
    """Classes of the tree, its example files, and short ways to resolve."""
    return SimpleNamespace(**{name: value for name, value in globals().items() if not name.startswith("_")})


@pytest.fixture
def messages(tree):
    """Function: the texts of all problems of YAML texts."""
    return lambda *texts, **more: [str(problem) for problem in tree.from_text(*texts, **more).problems]

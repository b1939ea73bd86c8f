"""The spatial, temporal and background models: names, parameters, units, defaults and help. Plain data, no numpy."""

from gammapy_hli.engine.models.entries import ModelEntry, OptionEntry, ParameterEntry

__all__ = ["BACKGROUND_ENTRIES", "SPATIAL_ENTRIES", "TEMPORAL_ENTRIES"]

P = ParameterEntry
NAN = float("nan")
_SPATIAL = "gammapy_hli.engine.models.spatial:SpatialModel"
_FRAME = OptionEntry(
    "frame", "choice", "icrs", ("icrs", "galactic"), help="Frame of the position and of the angle phi."
)
_LON = P("lon_0", 0.0, "deg", help="Longitude of the center.")
_LAT = P("lat_0", 0.0, "deg", min=-90.0, max=90.0, help="Latitude of the center.")
_E = P("e", 0.0, min=0.0, max=1.0, frozen=True, help="Eccentricity; 0 is round.")
_PHI = P("phi", 0.0, "deg", min=-180.0, max=180.0, frozen=True, help="Angle of the major axis, from north over east.")


def _spatial(tag: str, short: str, parameters: tuple[P, ...], what: str, *options: OptionEntry) -> ModelEntry:
    return ModelEntry(tag, (short,), "spatial", parameters, what, options or (_FRAME,), "sr-1", _SPATIAL)


_FILE = OptionEntry("filename", "path", required=True, help="FITS file of the map.")

SPATIAL_ENTRIES: tuple[ModelEntry, ...] = (
    _spatial("PointSpatialModel", "point", (_LON, _LAT), "Point source."),
    _spatial(
        "GaussianSpatialModel",
        "gauss",
        (_LON, _LAT, P("sigma", 1.0, "deg", min=0.0, help="Width along the major axis."), _E, _PHI),
        "Gaussian on the sphere, round or elongated.",
    ),
    _spatial(
        "GeneralizedGaussianSpatialModel",
        "gauss-general",
        (
            _LON,
            _LAT,
            P("r_0", 1.0, "deg", help="Scale radius along the major axis."),
            P("eta", 0.5, min=0.01, max=1.0, help="Shape: 0.5 is a Gaussian, 1 a Laplace profile, towards 0 a disk."),
            _E,
            _PHI,
        ),
        "Generalized Gaussian.",
    ),
    _spatial(
        "DiskSpatialModel",
        "disk",
        (
            _LON,
            _LAT,
            P("r_0", 1.0, "deg", min=0.0, help="Radius along the major axis."),
            _E,
            _PHI,
            P("edge_width", 0.01, min=0.0, max=1.0, frozen=True, help="Width of the soft edge in units of r_0."),
        ),
        "Disk of constant brightness with a soft edge, round or elongated.",
    ),
    _spatial(
        "ShellSpatialModel",
        "shell",
        (
            _LON,
            _LAT,
            P("radius", 1.0, "deg", help="Inner radius."),
            P("width", 0.2, "deg", help="Thickness of the shell."),
        ),
        "Projection of a shell that shines evenly.",
    ),
    _spatial(
        "Shell2SpatialModel",
        "shell2",
        (
            _LON,
            _LAT,
            P("r_0", 1.0, "deg", help="Outer radius."),
            P("eta", 0.2, min=0.02, max=1.0, help="Thickness of the shell in units of r_0."),
        ),
        "Projection of a shell, by outer radius and relative thickness.",
    ),
    _spatial(
        "ConstantSpatialModel",
        "const",
        (P("value", 1.0, "sr-1", frozen=True, help="Brightness."),),
        "The same brightness everywhere.",
    ),
    _spatial(
        "TemplateSpatialModel",
        "template",
        (
            P("lon_0", NAN, "deg", frozen=True, help="Longitude to which the map is moved; nan leaves it where it is."),
            P(
                "lat_0",
                NAN,
                "deg",
                min=-90.0,
                max=90.0,
                frozen=True,
                help="Latitude to which the map is moved; nan leaves it.",
            ),
        ),
        "Brightness from a map in a FITS file.",
        OptionEntry(
            "frame",
            "choice",
            None,
            ("icrs", "galactic", "fk5"),
            help="Frame of the map; taken from the file in any case.",
        ),
        _FILE,
        OptionEntry("normalize", "bool", True, help="Scale the map to an integral of one."),
        OptionEntry("unit", "text", None, help="Unit of a map that is not normalized, where the file has none; sr-1."),
    ),
)

TEMPORAL_ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "ConstantTemporalModel",
        ("const",),
        "temporal",
        (),
        "The same flux at all times.",
        options=(OptionEntry("scale", "choice", "utc", ("utc", "tt", "tai", "tdb"), help="Time scale."),),
        implementation="gammapy_hli.engine.models.temporal:TemporalModel",
    ),
)

BACKGROUND_ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "FoVBackgroundModel",
        ("fov-bkg",),
        "background",
        (
            P("tilt", 0.0, frozen=True, help="Tilt of the background in energy; positive falls with energy."),
            P("norm", 1.0, help="Factor on the background of the dataset."),
            P("reference", 1.0, "TeV", frozen=True, help="Energy at which the tilt does nothing."),
        ),
        "Background of one map dataset: background × norm (E/reference)^(-tilt).",
        implementation="gammapy_hli.engine.models.background:FoVBackgroundModel",
    ),
    ModelEntry(
        "TemplateNPredModel",
        ("template-npred",),
        "background",
        (
            P("tilt", 0.0, frozen=True, help="Tilt in energy; positive falls with energy."),
            P("norm", 1.0, help="Factor on the counts of the map."),
            P("reference", 1.0, "TeV", frozen=True, help="Energy at which the tilt does nothing."),
        ),
        "Counts from a map in a FITS file: map × norm (E/reference)^(-tilt).",
        (OptionEntry("filename", "path", required=True, help="FITS file of a map of counts in bins of energy."),),
        implementation="gammapy_hli.engine.models.template_background:TemplateNPredModel",
    ),
)

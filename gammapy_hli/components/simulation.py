"""What to simulate: a wobble campaign on one or several sources with an analytic array of Cherenkov telescopes."""

from typing import Any

from gammapy_hli.components.model_types import model_types
from gammapy_hli.components.sky import make_position
from gammapy_hli.components.source import Source
from gammapy_hli.core.component import Component, Named
from gammapy_hli.core.traits import Choice, Float, Int, Quantity, SkyPosition, Str, Time
from gammapy_hli.core.typed import ModelSpec


class Simulation(Component):
    """A small DL3 store made by drawing events: sources and background, wobble runs, analytic responses."""

    n_runs = Int(4, min=1, help="Number of runs.", level="basic")
    livetime = Quantity("28 min", unit="min", above="0 min", help="Livetime of a run.", level="basic")
    source_name = Str("crab", help="Name of the source, and of the target in the files.", level="basic")
    target = SkyPosition(
        "83.633 deg, 22.0145 deg", help="Center of the wobble pattern; a source without a place is here.", level="basic"
    )
    spectral = ModelSpec(
        model_types("spectral"),
        help="Spectrum of the source.",
        default={
            "type": "lp",
            "amplitude": "3.85e-11 cm-2 s-1 TeV-1",
            "alpha": 2.51,
            "beta": 0.24,
            "reference": "1 TeV",
        },
        optional=False,
        level="basic",
    )
    sources = Named(
        Source, help="Sources by name, points and extended ones, in place of the one of `source_name` and `spectral`."
    )
    offset = Quantity("0.5 deg", unit="deg", min="0 deg", max="2.5 deg", help="Wobble offset.")
    zenith = Quantity("20 deg", unit="deg", min="0 deg", max="70 deg", help="Zenith angle; sets the threshold.")
    background_factor = Float(1, above=0, help="Multiplies the background rate.")
    background_kind = Choice(("3d", "2d"), "3d", help="Form of the background table.")
    enclosure = Choice(("full", "point-like"), "full", help="Kind of responses; point-like ones have a RAD_MAX.")
    rad_max = Quantity("0.11 deg", unit="deg", above="0 deg", max="1 deg", help="Cut of point-like responses.")
    deadtime_fraction = Float(0.07, min=0, below=1, help="Fraction of the time that the array is blind.")
    first_obs_id = Int(1, min=0, help="Number of the first run.")
    time_start = Time("2024-01-10T21:00:00", help="Start of the first run.")
    gap = Quantity("2 min", unit="s", min="0 s", help="Pause between runs.")
    seed = Int(0, min=0, help="Everything random follows from it.", level="basic")

    def plan(self) -> Any:
        """What the engine works with."""
        from gammapy_hli.engine.models.models_yaml import parse_short  # late: loads astropy
        from gammapy_hli.engine.simulate.plan import SimulationPlan

        written = {name: source.as_written() for name, source in self.sources.items()}
        if written:
            models = parse_short(written, path="simulation.sources")
        else:
            models = parse_short({self.source_name: {"spectral": self.spectral_as_set()}}, path="simulation")
        return SimulationPlan(
            models=models,
            target=make_position(self.target),
            target_name=self.source_name,
            n_runs=self.n_runs,
            livetime=self.livetime,
            deadtime_fraction=self.deadtime_fraction,
            offset=self.offset,
            zenith=self.zenith,
            background_factor=self.background_factor,
            background_kind=self.background_kind,
            enclosure=self.enclosure,
            rad_max=self.rad_max,
            seed=self.seed,
            first_obs_id=self.first_obs_id,
            start=self.time_start,
            gap=self.gap,
        )

    def spectral_as_set(self) -> dict[str, Any]:
        """The spectrum in plain form, defaults included."""
        return {name: value for name, value in self.spectral.to_plain().items() if value is not None}

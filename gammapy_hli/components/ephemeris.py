"""The rotation or orbit of a source."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.intervals import edge_problems
from gammapy_hli.components.sky import make_position
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Bool, Float, List, Quantity, SkyPosition, Time

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.ephemeris import Ephemeris


class EphemerisOptions(Component):
    """Rotation or orbit of a source: phase = phase + frequency t + f1 t^2 / 2 + f2 t^3 / 6, t since the epoch."""

    epoch = Time(None, help="Reference time; a pulsar's is usually in the scale tdb.", level="basic")
    frequency = Quantity(
        None, unit="Hz", above="0 Hz", group="rotation", help="Frequency at the epoch (F0).", level="basic"
    )
    period = Quantity(
        None, unit="s", above="0 s", group="rotation", help="Period at the epoch, 3.9 d, in place of frequency.",
        level="basic",
    )  # fmt: skip
    f1 = Quantity("0 Hz s-1", unit="Hz s-1", help="First derivative of the frequency at the epoch.")
    f2 = Quantity("0 Hz s-2", unit="Hz s-2", help="Second derivative of the frequency at the epoch.")
    phase = Float(0, help="Phase at the epoch.")
    valid = List(Time(), None, length=2, help="Start and stop of its validity; times outside are an error.")
    barycenter = Bool(
        False,
        help="Correct times to the barycenter of the solar system; needs position. false: they are taken as they are.",
    )
    position = SkyPosition(None, help="Position of the source, for barycenter.")

    def check(self) -> Iterable[Problem]:
        yield from edge_problems(self, "valid")

    def check_complete(self) -> Iterable[Problem]:
        if self.stored("epoch") is None:
            hint = "write e.g. epoch: {mjd: 53743.0, scale: tdb}"
            yield self.problem("epoch", "an ephemeris needs it", code="missing", hint=hint)
        if self.stored("frequency") is None and self.stored("period") is None:
            hint = "write e.g. period: 3.9 d"
            yield self.problem("frequency", "a frequency or a period is needed", code="missing", hint=hint)
        if self.stored("barycenter") and self.stored("position") is None:
            message = f"is needed for barycenter {self.place_of('barycenter')}"
            yield self.problem("position", message, code="missing", hint='write e.g. "83.633 deg, 22.0145 deg"')

    def ephemeris(self) -> "Ephemeris":
        """What the engine works with."""
        from gammapy_hli.engine.dl3.ephemeris import Ephemeris  # late: loads astropy

        turn = self.frequency if self.frequency is not None else 1 / self.period
        start, stop = (None, None) if self.valid is None else self.valid
        return Ephemeris(
            epoch=self.epoch,
            frequency=float(turn.to_value("Hz")),
            f1=float(self.f1.to_value("Hz s-1")),
            f2=float(self.f2.to_value("Hz s-2")),
            start=start,
            stop=stop,
            phase0=self.phase,
            position=make_position(self.position) if self.barycenter else None,
        )

"""Bins of energy."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Int, Quantity, QuantityList, number_in

if TYPE_CHECKING:
    from gammapy_hli.engine.geom.axes import Axis


class EnergyAxis(Component):
    """Bins of energy: limits with a number of bins of equal width in log(E), or the edges themselves."""

    min = Quantity("0.1 TeV", unit="TeV", above="0 TeV", help="Lower edge of the first bin.", level="basic")
    max = Quantity("100 TeV", unit="TeV", above="0 TeV", help="Upper edge of the last bin.", level="basic")
    per_decade = Int(10, min=1, max=1000, allow_none=True, group="binning", help="Bins per decade.", level="basic")
    nbins = Int(None, min=1, max=10000, group="binning", help="Number of bins.")
    edges = QuantityList(
        None,
        unit="TeV",
        above="0 TeV",
        increasing=True,
        min_length=2,
        group="binning",
        help="All edges; min and max are then not used.",
    )

    def check(self) -> Iterable[Problem]:
        low, high = self.number_of("min"), self.number_of("max")
        if self.stored("edges") is None and low is not None and high is not None and low >= high:
            yield self.problem(
                "min",
                f"{self.place_of('min')} is not below max {self.place_of('max')}",
                code="order",
                hint="exchange them",
            )

    def limits(self) -> tuple[float | None, float | None]:
        """First and last edge [TeV]; None where it is not known."""
        edges = self.stored("edges")
        if edges is None:
            return self.number_of("min"), self.number_of("max")
        return number_in(edges[0], "TeV"), number_in(edges[-1], "TeV")

    def place_of_limits(self) -> str:
        """First and last edge and who set them, for messages that name two places."""
        if self.stored("edges") is not None:
            return self.place_of("edges")
        return f"{self.place_of('min')} to {self.place_of('max')}"

    def axis(self, name: str) -> "Axis":
        """The axis that the engine works with; `name` is ``energy`` or ``energy_true``."""
        from gammapy_hli.engine.geom.axes import Axis  # late: loads numpy and astropy

        if self.edges is not None:
            return Axis.from_edges(self.edges, name=name)
        return Axis.from_energy_bounds(self.min, self.max, nbin=self.nbins, per_decade=self.per_decade, name=name)

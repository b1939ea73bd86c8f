"""The search for significant sky that is then excluded."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Float, Int, Quantity

if TYPE_CHECKING:
    from gammapy_hli.engine.estimate.exclusion_search import ExclusionSearch


class SignificanceSearch(Component):
    """Reduce, add the runs, exclude pixels above a significance; again until no pixel is new."""

    threshold = Float(5, above=0, help="Pixels of a higher significance are excluded.", level="basic")
    radius = Quantity(
        "0.1 deg", unit="deg", above="0 deg", help="Correlation radius of the significance.", level="basic"
    )
    iterations = Int(5, min=1, max=100, help="Most rounds; it ends before where no pixel is new.", level="basic")
    threshold_low = Float(
        None,
        allow_none=True,
        help="Pixels above this are excluded too where they touch excluded ones (hysteresis); null: none.",
    )
    margin = Quantity("0.1 deg", unit="deg", min="0 deg", help="By which the excluded sky is widened.", level="basic")

    def check(self) -> Iterable[Problem]:
        low, high = self.stored("threshold_low"), self.stored("threshold")
        if low is not None and low > high:
            yield self.problem(
                "threshold_low", f"{self.place_of('threshold_low')} is above threshold {self.place_of('threshold')}"
            )

    def search(self) -> "ExclusionSearch":
        """What the engine works with."""
        from gammapy_hli.engine.estimate.exclusion_search import ExclusionSearch  # late: loads numpy and astropy

        return ExclusionSearch(self.threshold, self.radius, self.iterations, self.threshold_low, self.margin)

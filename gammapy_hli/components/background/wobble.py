"""Off positions of wobble runs."""

from typing import TYPE_CHECKING

from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Int

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.wobble import WobbleRegions


class WobbleBackground(BackgroundMethod):
    """A given number of off regions, evenly spread around the pointing; for point-like responses too."""

    n_off = Int(3, min=1, help="Number of off positions; those that touch excluded sky are left out.", level="basic")

    def maker(self) -> "WobbleRegions":
        from gammapy_hli.engine.reduce.wobble import WobbleRegions  # late: loads numpy and astropy

        return WobbleRegions(self.n_off)

"""Background model of the response files, scaled or fitted in the field of view."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Bool, Choice, Float

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.fov_background import FovBackground


class FovBackgroundMethod(BackgroundMethod):
    """The background of the response files, normalized to the counts of each run outside the excluded sky."""

    reduction_types = ("map",)

    method = Choice(("scale", "fit"), "scale", help="scale: by counts; fit: norm by a fit, with the tilt where freed.")
    free_tilt = Bool(False, help="Fit the slope in energy too (method fit).")
    only_inside_mask = Bool(
        False, help="Take sky outside of the image of the exclusion mask as excluded, as gammapy does."
    )
    min_counts = Float(0, min=0, help="Runs with fewer counts outside the excluded sky are not used.")
    min_npred_background = Float(0, min=0, help="Runs with less expected background there are not used.")

    def check(self) -> Iterable[Problem]:
        if self.stored("free_tilt") and self.stored("method") != "fit":
            yield self.problem("free_tilt", f"needs method fit; method is {self.place_of('method')}")

    def maker(self) -> "FovBackground":
        from gammapy_hli.engine.reduce.fov_background import FovBackground  # late: loads numpy and astropy

        return FovBackground(
            method=self.method,
            min_counts=self.min_counts,
            min_npred_background=self.min_npred_background,
            free_tilt=self.free_tilt,
            only_inside_mask=self.only_inside_mask,
        )

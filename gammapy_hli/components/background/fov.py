"""Background model of the response files, scaled or fitted in the field of view."""

from typing import TYPE_CHECKING

from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Bool, Choice, Float

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.fov_background import FovBackground


class FovBackgroundMethod(BackgroundMethod):
    """The background of the response files, normalized to the counts of each run outside the excluded sky."""

    reduction_types = ("map",)

    method = Choice(("scale", "fit"), "scale", help="scale: by counts; fit: norm by a fit, with the tilt where freed.")
    free_tilt = Bool(False, help="Fit the slope in energy too (method fit).")
    min_counts = Float(0, min=0, help="Runs with fewer counts outside the excluded sky are not used.")
    min_npred_background = Float(0, min=0, help="Runs with less expected background there are not used.")

    def maker(self) -> "FovBackground":
        from gammapy_hli.engine.reduce.fov_background import FovBackground  # late: loads numpy and astropy

        return FovBackground(self.method, self.min_counts, self.min_npred_background, self.free_tilt)

"""Background from rings that grow until they hold enough."""

from typing import TYPE_CHECKING

from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Choice, Float, Quantity

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.adaptive_ring import AdaptiveRingBackground


class AdaptiveRingMethod(BackgroundMethod):
    """As the ring, but in every pixel the smallest ring that is large enough beside the excluded sky."""

    reduction_types = ("image", "map")

    inner_radius = Quantity("0.5 deg", unit="deg", above="0 deg", help="Inner radius of the smallest ring.")
    outer_radius_max = Quantity("1 deg", unit="deg", above="0 deg", help="Rings stay inside of this radius.")
    width = Quantity("0.3 deg", unit="deg", above="0 deg", help="Width of the smallest ring.")
    step = Quantity("0.02 deg", unit="deg", above="0 deg", help="By which rings grow.")
    threshold_alpha = Float(0.1, above=0, help="Largest ratio of acceptances, pixel to ring.")
    theta = Quantity("0.22 deg", unit="deg", above="0 deg", help="Radius that alpha is about, for alpha_of theta.")
    method = Choice(("fixed_width", "fixed_r_in"), "fixed_width", help="The ring moves outwards, or gets wider.")
    alpha_of = Choice(
        ("pixel", "theta"), "pixel", help="Acceptance that is compared: of the pixel, or of the disk of radius theta."
    )

    def maker(self) -> "AdaptiveRingBackground":
        from gammapy_hli.engine.reduce.adaptive_ring import AdaptiveRingBackground  # late: loads numpy and astropy

        return AdaptiveRingBackground(
            inner_radius=self.inner_radius,
            outer_radius_max=self.outer_radius_max,
            width=self.width,
            step=self.step,
            threshold_alpha=self.threshold_alpha,
            theta=self.theta,
            method=self.method,
            alpha_of=self.alpha_of,
        )

"""What counts as a peak of a map."""

from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Float, Quantity


class Peaks(Component):
    """Maxima of the significance: candidates of sources."""

    threshold = Float(5, above=0, help="Peaks are higher than this, in sigma.", level="basic")
    min_distance = Quantity(
        "0.2 deg", unit="deg", above="0 deg", help="Of two maxima that are closer only the higher one counts."
    )

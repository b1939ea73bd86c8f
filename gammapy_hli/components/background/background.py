"""The background section of a reduction: the method with its options, and the excluded sky."""

from typing import Any

from gammapy_hli.components.background import ENTRY_POINTS, METHODS
from gammapy_hli.components.exclusion import Exclusion
from gammapy_hli.core.component import Alternatives, Component, Slot


class Background(Component):
    """How the background is estimated."""

    method = Alternatives(METHODS, "reflected", entry_points=ENTRY_POINTS, help="Background method.", level="basic")
    exclusion = Slot(Exclusion, level="basic")

    def maker(self) -> Any:
        """The background maker of the engine; None for no background."""
        chosen = self.chosen("method")
        return None if chosen is None else chosen.maker()

    def map_maker(self) -> Any:
        """The background maker for images and maps; None leaves the background of the response files as it is."""
        chosen = self.chosen("method")
        return None if chosen is None else chosen.map_maker()

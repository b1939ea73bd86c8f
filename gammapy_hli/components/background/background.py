"""The background section of a reduction: the method with its options, and the excluded sky."""

from collections.abc import Iterable
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.background import ENTRY_POINTS, METHODS
from gammapy_hli.components.exclusion import Exclusion
from gammapy_hli.core.component import Alternatives, Component, Slot


class Background(Component):
    """How the background is estimated."""

    method = Alternatives(METHODS, "reflected", entry_points=ENTRY_POINTS, help="Background method.", level="basic")
    exclusion = Slot(Exclusion, level="basic")

    def check(self) -> Iterable[Problem]:
        chosen, exclusion = self.chosen("method"), self.exclusion
        if self.method != "fov" or chosen is None or not chosen.stored("only_inside_mask"):
            return
        others = [name for name in ("regions", "models", "from_significance") if _is_set(exclusion, name)]
        if others or exclusion.stored("mask") is None:
            what = f"{self.dotted_path}.exclusion.{others[0]} is set too" if others else "there is no mask"
            yield chosen.problem(
                "only_inside_mask",
                f"is about the image of {self.dotted_path}.exclusion.mask and of nothing else, but {what}",
                hint="draw all that is to be excluded into one mask, or leave only_inside_mask out",
            )

    def maker(self) -> Any:
        """The background maker of the engine; None for no background."""
        chosen = self.chosen("method")
        return None if chosen is None else chosen.maker()

    def map_maker(self) -> Any:
        """The background maker for images and maps; None leaves the background of the response files as it is."""
        chosen = self.chosen("method")
        return None if chosen is None else chosen.map_maker()


def _is_set(exclusion: Exclusion, name: str) -> bool:
    if name == "from_significance":
        return exclusion.from_significance is not None
    return bool(exclusion.stored(name))

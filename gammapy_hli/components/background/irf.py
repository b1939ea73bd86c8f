"""Background model of the response files."""

from typing import TYPE_CHECKING

from gammapy_hli.components.background.method import BackgroundMethod

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.response_background import ResponseBackground


class IrfBackground(BackgroundMethod):
    """The background rate of the response files; no off regions, fits use the statistic cash."""

    reduction_types = ("spectrum", "image", "map")
    uses_exclusion = False

    def maker(self) -> "ResponseBackground":
        from gammapy_hli.engine.reduce.response_background import ResponseBackground  # late: loads numpy and astropy

        return ResponseBackground()

    def map_maker(self) -> None:
        """None: maps hold that background from the start."""

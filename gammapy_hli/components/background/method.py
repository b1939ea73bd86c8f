"""What all background methods have in common."""

from collections.abc import Callable
from typing import Any, ClassVar

from gammapy_hli.core.component import Component


class BackgroundMethod(Component):
    """A way to estimate the background; subclasses declare its options as traits."""

    reduction_types: ClassVar[tuple[str, ...]] = ("spectrum",)
    """Types of reduction that the method can serve."""
    uses_exclusion: ClassVar[bool] = True
    """Whether it leaves excluded sky out."""
    uses_other_runs: ClassVar[bool] = False
    """Whether its maker has ``prepare(observations, plan, excluded_regions)``, which gives the maker for these runs."""

    def maker(self) -> Any:
        """The callable of the engine: ``maker(dataset, observation, plan) -> dataset``."""
        raise NotImplementedError(f"{type(self).__name__} must define maker()")

    def check_inputs(self, open_store: Callable[[], Any]) -> None:
        """Look at what comes from outside, before any step runs; ``open_store`` gives the data store of the selection,
        None where it is not known.
        """

    def map_maker(self) -> Any:
        """The callable of the engine for images and maps, where it is another one."""
        return self.maker()

"""What all background methods have in common."""

from typing import Any, ClassVar

from gammapy_hli.core.component import Component


class BackgroundMethod(Component):
    """A way to estimate the background; subclasses declare its options as traits."""

    reduction_types: ClassVar[tuple[str, ...]] = ("spectrum",)
    """Types of reduction that the method can serve."""
    uses_exclusion: ClassVar[bool] = True
    """Whether it leaves excluded sky out."""

    def maker(self) -> Any:
        """The callable of the engine: ``maker(dataset, observation, plan) -> dataset``."""
        raise NotImplementedError(f"{type(self).__name__} must define maker()")

    def map_maker(self) -> Any:
        """The callable of the engine for images and maps, where it is another one."""
        return self.maker()

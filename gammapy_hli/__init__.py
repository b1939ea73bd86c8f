"""gammapy_hli: from gamma-ray event lists to spectra, maps and light curves.

``Analysis`` is loaded when it is first asked for, so that ``import gammapy_hli`` costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gammapy_hli.analysis import Analysis

__version__ = "0.1.0"
__all__ = ["Analysis", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Analysis":
        from gammapy_hli.analysis import Analysis  # late: keeps the import of the package light

        return Analysis
    raise AttributeError(f"module 'gammapy_hli' has no attribute {name!r}")

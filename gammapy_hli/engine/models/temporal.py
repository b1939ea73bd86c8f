"""Temporal models: only the constant one, which does nothing but stand in files."""

from typing import Any

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.catalogue import resolve_tag
from gammapy_hli.engine.models.parameter import Parameters

__all__ = ["TemporalModel"]


class TemporalModel(Summary):
    """A temporal model.

    Parameters
    ----------
    type : str
        Tag; 'const' is the only one.
    scale : str
        Time scale, as it stands in gammapy's files.
    """

    def __init__(self, type: str = "const", scale: str = "utc"):
        self.entry = resolve_tag(type, "temporal")
        self.parameters = Parameters((), owner=self.entry.tag)
        self.options: dict[str, Any] = {"scale": scale}

    @property
    def tag(self) -> str:
        """gammapy's long tag."""
        return self.entry.tag

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TemporalModel):
            return NotImplemented
        return self.tag == other.tag and self.options == other.options

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> dict[str, Any]:
        """Type and time scale."""
        return {"type": self.tag, **self.options}

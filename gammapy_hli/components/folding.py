"""Folding of a light curve: an ephemeris and bins of phase."""

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.ephemeris import EphemerisOptions
from gammapy_hli.core.traits import Float, Int, List

if TYPE_CHECKING:
    from gammapy_hli.engine.estimate.folding import Folding

DEFAULT_BINS = 10


class FoldingOptions(EphemerisOptions):
    """Ephemeris and bins of phase of a folded light curve; the middle of an interval decides on its phase."""

    bins = Int(None, min=1, max=1000, group="phases", help="Number of equal bins of phase; null: 10.", level="basic")
    edges = List(
        Float(min=-1, max=2),
        None,
        min_length=2,
        group="phases",
        help="Edges of the bins, at most one turn: [0, 0.3, 1], or [-0.1, 0.1] for one bin around phase 0.",
    )

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        edges = self.stored("edges") or []
        for before, after in pairwise(edges):
            if after <= before:
                message = f"{after:g} stands behind {before:g}; expected increasing phases"
                yield self.problem("edges", message, code="order", hint="write e.g. [0, 0.25, 0.5, 1]")
        if edges and edges[-1] - edges[0] > 1:
            message = f"from {edges[0]:g} to {edges[-1]:g} is more than one turn"
            yield self.problem("edges", message, code="range", hint="the last edge is at most the first plus 1")

    def folding(self) -> "Folding":
        """What the engine works with."""
        import numpy as np  # late: not needed to check options

        from gammapy_hli.engine.estimate.folding import Folding

        edges = self.edges if self.edges is not None else np.linspace(0, 1, (self.bins or DEFAULT_BINS) + 1)
        return Folding(self.ephemeris(), np.asarray(edges, dtype=float))

"""One step, one Tool, one file, one executable; this table names them all.

The classes are given as addresses: they are loaded when a step is chosen or described.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ToolEntry:
    """A step: its section, its class, and the commands that run everything up to it."""

    section: str
    address: str
    commands: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """Name of its command; with ``gammapy-hli-`` before it that of its executable."""
        return self.section.replace("_", "-")


TOOLS: tuple[ToolEntry, ...] = (
    ToolEntry("selection", "gammapy_hli.tools.selection:SelectionTool"),
    ToolEntry("reduction", "gammapy_hli.tools.reduction:ReductionTool", ("data-reduction",)),
    ToolEntry("model", "gammapy_hli.tools.model:ModelTool"),
    ToolEntry("fit", "gammapy_hli.tools.fit:FitTool", ("optimise",)),
    ToolEntry("flux_points", "gammapy_hli.tools.flux_points:FluxPointsTool"),
    ToolEntry("light_curve", "gammapy_hli.tools.light_curve:LightCurveTool"),
    ToolEntry("maps", "gammapy_hli.tools.maps:MapsTool"),
    ToolEntry("report", "gammapy_hli.tools.report:ReportTool"),
)

DEFAULT_STEPS: dict[str, tuple[str, ...]] = {
    "spectrum": ("selection", "reduction", "model", "fit", "flux_points", "report"),
    "image": ("selection", "reduction", "maps", "report"),
    "map": ("selection", "reduction", "model", "fit", "flux_points", "maps", "report"),
}
"""Steps by ``reduction.type`` where none are named."""

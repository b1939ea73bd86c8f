"""Background methods: one file each, and the table that names them.

To add one: a frozen dataclass in ``gammapy_hli/engine/reduce``, a `BackgroundMethod` here, an entry in this table.
Other
packages add theirs by entry points of the group ``gammapy_hli.backgrounds``.
"""

ENTRY_POINTS = "gammapy_hli.backgrounds"

METHODS: dict[str, str | None] = {
    "reflected": "gammapy_hli.components.background.reflected:ReflectedBackground",
    "wobble": "gammapy_hli.components.background.wobble:WobbleBackground",
    "ring": "gammapy_hli.components.background.ring:RingBackgroundMethod",
    "adaptive-ring": "gammapy_hli.components.background.adaptive_ring:AdaptiveRingMethod",
    "fov": "gammapy_hli.components.background.fov:FovBackgroundMethod",
    "irf": "gammapy_hli.components.background.irf:IrfBackground",
    "off-runs": "gammapy_hli.components.background.off_runs:OffRunsBackground",
    "phase": "gammapy_hli.components.background.phase:PhaseBackgroundMethod",
    "none": None,
}

"""Nuisance parameters of an instrument in a fit."""

from collections.abc import Iterable, Sequence
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import ModelParameter
from gammapy_hli.engine.models.nuisance_table import NUISANCES

_UNUSED = ("link", "error")


class InstrumentNuisance(Component):
    """What is uncertain in the responses of an instrument: free in the fit, and shared by its datasets."""

    norm = ModelParameter(
        None,
        help=f"{NUISANCES['norm'].help} {{prior: {{gauss: {{mean: 1, sigma: 0.1}}}}}}; null: 1, not fitted.",
        level="basic",
    )
    energy_scale = ModelParameter(
        None,
        help=f"{NUISANCES['energy_scale'].help} {{prior: {{gauss: {{mean: 0, sigma: 0.15}}}}}}; null: 0, not fitted.",
        level="basic",
    )

    @property
    def named(self) -> tuple[str, ...]:
        """The nuisances that are there."""
        return tuple(kind for kind in NUISANCES if self.stored(kind) is not None)

    @property
    def is_inherited(self) -> bool:
        """Whether all that is set stands in the section without label."""
        settings = [self._settings[kind][-1] for kind in NUISANCES if self._settings.get(kind)]
        return bool(settings) and all(setting.inherited for setting in settings)

    def check(self) -> Iterable[Problem]:
        for kind in self.named:
            entry, given = NUISANCES[kind], getattr(self, kind)
            for key in _UNUSED:
                if getattr(given, key) is not None:
                    yield self.problem(kind, f"a nuisance has no {key}", hint=f"Take {key} out.")
            low = entry.min if given.min is None else given.min
            high = float("inf") if given.max is None else given.max
            value = entry.default if given.value is None else given.value
            if low < entry.min:
                yield self.problem(kind, f"min {low:g} is below {entry.min:g}", code="range", hint=entry.help)
            elif value < low or value > high:
                side = f"below min {low:g}" if value < low else f"above max {high:g}"
                yield self.problem(kind, f"value {value:g} is {side}", code="range")
            elif given.value is None and given.prior is not None:
                yield from self._start_problem(kind, value, given.prior)

    def _start_problem(self, kind: str, value: float, prior: Any) -> Iterable[Problem]:
        """A prior that excludes the default value."""
        for numbers in prior.values():
            if "min" in numbers and not numbers["min"] <= value <= numbers["max"]:
                ends = f"{numbers['min']:g} to {numbers['max']:g}"
                yield self.problem(
                    kind, f"starts at {value:g}, outside of its prior, {ends}", code="range", hint="Give a value."
                )

    def nuisance(self, name: str, datasets_names: Sequence[str]) -> Any:
        """The nuisance that the engine works with; None where nothing is set."""
        from gammapy_hli.engine.models.nuisance import make_nuisance  # late: loads astropy

        kinds = {kind: getattr(self, kind) for kind in self.named}
        return make_nuisance(name, datasets_names, **kinds) if kinds else None

"""Nuisance parameters of instruments: what is uncertain in the responses of some datasets, and shared by all of them.

A dataset d with the factor n and the energy scale δ is predicted as (DESIGN.md section 7)

    npred_d = n fold(∫ flux over E (1 + δ)) + background,

where E are the edges of its bins of true energy: what its responses call the energy E is in truth E (1 + δ). The flux
in a bin is the integral between the shifted edges, so that photons are neither made nor lost; a power law of index Γ
changes by (1 + δ)^(1 - Γ). Exposure, psf and energy dispersion are looked up where the responses say, and the
background stays as it is.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.measured import measured_text
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.nuisance_table import NUISANCES
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.prior_check import SHORT_PRIORS

__all__ = [
    "Nuisance",
    "check_nuisances",
    "copy_nuisances",
    "held_nuisances",
    "make_nuisance",
    "nuisance_of",
    "nuisances_of_sum",
]


@dataclass(eq=False, repr=False)
class Nuisance(Summary):
    """Nuisance parameters that some datasets share.

    Parameters
    ----------
    name : str
        Of the instrument, as a rule; the parameters are named ``<name>.norm`` and ``<name>.energy_scale``.
    datasets_names : sequence of str
        The datasets that it is for.
    norm, energy_scale : Parameter, optional
        None for one that there is not: a norm of 1, a scale of 0.

    Raises
    ------
    InputError
        It holds no parameter.
    """

    name: str
    datasets_names: tuple[str, ...]
    norm: Parameter | None = None
    energy_scale: Parameter | None = None

    def __post_init__(self) -> None:
        self.datasets_names = tuple(self.datasets_names)
        if self.norm is None and self.energy_scale is None:
            raise InputError(f"nuisance {self.name!r} holds neither norm nor energy_scale; name one of them")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those that are there: norm first."""
        return tuple(parameter for parameter in (self.norm, self.energy_scale) if parameter is not None)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """('magic.norm', parameter) and so on."""
        for kind in NUISANCES:
            parameter = getattr(self, kind)
            if parameter is not None:
                yield f"{self.name}.{kind}", parameter

    @property
    def factor(self) -> float:
        """The norm as it is now."""
        return 1.0 if self.norm is None else self.norm.value

    @property
    def scale(self) -> float:
        """The energy scale as it is now."""
        return 0.0 if self.energy_scale is None else self.energy_scale.value

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if isinstance(other, Nuisance) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> dict[str, Any]:
        """Name, datasets and parameters."""
        own = {name: measured_text(p.value, p.error) for name, p in self.named_parameters()}
        return {"name": self.name, "datasets": ", ".join(self.datasets_names), **own}


def make_nuisance(name: str, datasets_names: Sequence[str], **kinds: Any) -> Nuisance:
    """A nuisance from values as an option holds them.

    Parameters
    ----------
    name : str
    datasets_names : sequence of str
    **kinds
        ``norm`` and ``energy_scale``: objects with value, min, max, frozen and prior, each None where the default
        holds; a prior is a mapping such as ``{"gauss": {"mean": 0, "sigma": 0.15}}``.
    """
    return Nuisance(name, tuple(datasets_names), **{kind: _parameter(kind, given) for kind, given in kinds.items()})


def _parameter(kind: str, given: Any) -> Parameter:
    parameter = Parameter.from_entry(NUISANCES[kind])
    for key in ("value", "min", "max", "frozen"):
        if getattr(given, key) is not None:
            setattr(parameter, key, getattr(given, key))
    for short, numbers in (given.prior or {}).items():
        tag, names = SHORT_PRIORS[short]
        parameter.prior = Prior(tag, {new: float(numbers[old]) for old, new in names.items()})
    return parameter


def nuisance_of(nuisances: Iterable[Nuisance], dataset_name: str) -> Nuisance | None:
    """The nuisance of a dataset; None where it has none."""
    return next((nuisance for nuisance in nuisances if dataset_name in nuisance.datasets_names), None)


def check_nuisances(nuisances: Sequence[Nuisance], datasets_names: Sequence[str]) -> None:
    """Raise InputError where nuisances share a name or a dataset, or are for datasets none of which is there."""
    seen: dict[str, str] = {}
    names = [nuisance.name for nuisance in nuisances]
    for nuisance in nuisances:
        if names.count(nuisance.name) > 1:
            raise InputError(f"two nuisances are named {nuisance.name!r}; every one needs a name of its own")
        for name in nuisance.datasets_names:
            if name in seen:
                raise InputError(
                    f"dataset {name!r} has two nuisances, {seen[name]!r} and {nuisance.name!r}; give it one"
                )
            seen[name] = nuisance.name
        if not set(nuisance.datasets_names) & set(datasets_names):
            raise InputError(
                f"nuisance {nuisance.name!r} is for {', '.join(map(repr, nuisance.datasets_names)) or 'no dataset'}; "
                f"the datasets are {', '.join(datasets_names) or 'none'}"
            )


def copy_nuisances(nuisances: Iterable[Nuisance]) -> tuple[Nuisance, ...]:
    """Independent copies."""
    return tuple(copy.deepcopy(nuisance) for nuisance in nuisances)


def held_nuisances(nuisances: Iterable[Nuisance]) -> tuple[Nuisance, ...]:
    """Copies at the same values with all parameters frozen: what estimators after a fit use."""
    held = copy_nuisances(nuisances)
    for nuisance in held:
        for parameter in nuisance.parameters:
            parameter.frozen = True
    return held


def nuisances_of_sum(nuisances: Iterable[Nuisance], parts: Iterable[str], name: str) -> tuple[Nuisance, ...]:
    """The nuisances for the sum of some datasets: that which all of them share, now for the dataset ``name``.

    Raises
    ------
    InputError
        The datasets have different nuisances, so that one prediction cannot stand for their sum.
    """
    nuisances, parts = tuple(nuisances), tuple(parts)
    found = [nuisance_of(nuisances, part) for part in parts]
    kinds = {None if each is None else each.name for each in found}
    if len(kinds) > 1:
        listed = ", ".join(f"{part} ({each.name if each else 'none'})" for part, each in zip(parts, found, strict=True))
        raise InputError(f"datasets with different nuisances cannot be added up: {listed}. Look at each alone.")
    first = found[0] if found else None
    return () if first is None else (replace(first, datasets_names=(name,)),)

"""The result of a fit, frozen, and its files: fit.yaml, models.yaml, covariance.dat and, if any, nuisances.yaml."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import astropy.units as u
import numpy as np
import yaml
from numpy.typing import NDArray

from gammapy_hli.base.atomic_write import atomic_write
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.measured import measured_text
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.base.yaml_writer import PlainDumper
from gammapy_hli.engine.models.models_yaml import read_models, write_models
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.nuisances_file import read_nuisances, write_nuisances
from gammapy_hli.engine.models.sky_model import Models

Array = NDArray[np.float64]

FIT_FILE = "fit.yaml"
MODELS_FILE = "models.yaml"
COVARIANCE_FILE = "covariance.dat"
NUISANCES_FILE = "nuisances.yaml"


@dataclass(frozen=True)
class FittedParameter:
    """One parameter of the models, or of the nuisances, after the fit.

    Attributes
    ----------
    name : str
        ``crab.spectral.index``, ``magic.energy_scale``.
    value, error : float
        In ``unit``; the error is 0 where the parameter is frozen or stopped at a limit.
    unit : str
    min, max : float or None
        Bounds.
    frozen : bool
    link : str or None
        Name of the parameter whose value it shares.
    errn, errp : float or None
        Asymmetric errors, where minos was asked for.
    """

    name: str
    value: float
    error: float
    unit: str
    min: float | None
    max: float | None
    frozen: bool
    link: str | None
    errn: float | None = None
    errp: float | None = None


@dataclass(frozen=True)
class DatasetGoodness:
    """Agreement of one dataset with the best model.

    ``chi2_per_bin`` and ``residual_per_bin`` (its root with the sign of the residual) have one entry a reconstructed
    bin, nan where the bin was not used.
    """

    name: str
    stat: float
    chi2: float
    n_bins: int
    chi2_per_bin: tuple[float, ...]
    residual_per_bin: tuple[float, ...]


@dataclass(frozen=True)
class Goodness:
    """Agreement of all data with the best model: deviance, degrees of freedom, p-value and a warning ('' for none).

    Gaussian priors of free parameters count as data: each adds its term and a degree of freedom.
    """

    chi2: float
    dof: int
    p_value: float
    warning: str
    datasets: tuple[DatasetGoodness, ...]


@dataclass(frozen=True, eq=False, repr=False)
class FitResult(Summary):
    """Best values, errors, correlations and quality of a fit.

    Attributes
    ----------
    success : bool
        Whether the values can be used; ``status`` (a word) and ``message`` (a sentence) say why.
    stat, stat_prior : float
        -2 ln L at the minimum, priors included, and the part of it that priors make.
    n_bins, n_free, n_evaluations : int
    parameters : tuple of FittedParameter
        All parameters of the models, in their order, and of the nuisances.
    models : Models
        With best values, errors and covariance (their part of it).
    nuisances : tuple of Nuisance
        Norms and energy scales of instruments, with best values and errors.
    covariance : array (n_all, n_all)
        In the order of ``parameters``; zeros for frozen ones.
    goodness : Goodness
    attempts : tuple of str
        What failed before the reported attempt.
    stack : bool
        Whether the sum of the datasets was fitted.
    energy_range_TeV : tuple of float or None, or None
        Bounds of reconstructed energy that the fit was asked to keep to [TeV].
    """

    success: bool
    status: str
    message: str
    stat: float
    stat_prior: float
    n_bins: int
    n_free: int
    n_evaluations: int
    parameters: tuple[FittedParameter, ...]
    models: Models
    covariance: Array
    goodness: Goodness
    attempts: tuple[str, ...] = ()
    stack: bool = False
    energy_range_TeV: tuple[float | None, float | None] | None = None
    nuisances: tuple[Nuisance, ...] = ()

    @property
    def energy_range(self) -> tuple[u.Quantity | None, u.Quantity | None] | None:
        """Bounds of reconstructed energy that the fit was asked to keep to."""
        if self.energy_range_TeV is None:
            return None
        low, high = (None if bound is None else bound * u.TeV for bound in self.energy_range_TeV)
        return low, high

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    def __getitem__(self, name: str) -> FittedParameter:
        """A parameter by name.

        Raises
        ------
        KeyError
            There is none; with a suggestion.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(f"no parameter {name!r}.{did_you_mean(name, self.names)} Parameters: {', '.join(self.names)}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FitResult):
            return NotImplemented
        same = _same(self.content(), other.content()) and self.models == other.models
        same &= self.nuisances == other.nuisances
        return same and np.array_equal(self.covariance, other.covariance)

    __hash__ = None  # type: ignore[assignment]

    def content(self) -> dict[str, Any]:
        """All but models and covariance, as plain values: what stands in fit.yaml."""
        own = {
            name: getattr(self, name)
            for name in ("success", "status", "message", "stat", "stat_prior", "n_bins", "n_free", "n_evaluations")
        }
        return {
            **own,
            "attempts": list(self.attempts),
            "stack": self.stack,
            "energy_range_TeV": None if self.energy_range_TeV is None else list(self.energy_range_TeV),
            "parameters": [_row(parameter) for parameter in self.parameters],
            "goodness": {**_plain(asdict(self.goodness))},
        }

    def write(self, folder: str | Path) -> tuple[Path, ...]:
        """Write fit.yaml, models.yaml and covariance.dat, nuisances.yaml too; the files that were written."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_models(self.models, folder / MODELS_FILE, folder / COVARIANCE_FILE)
        written = [folder / FIT_FILE, folder / MODELS_FILE, folder / COVARIANCE_FILE]
        if self.nuisances:
            write_nuisances(folder / NUISANCES_FILE, self.nuisances, self.names, self.covariance)
            written.append(folder / NUISANCES_FILE)
        else:
            (folder / NUISANCES_FILE).unlink(missing_ok=True)
        text = yaml.dump(self.content(), sort_keys=False, allow_unicode=True, width=120, Dumper=_Dumper)
        with atomic_write(folder / FIT_FILE) as stream:
            stream.write(text)
        return tuple(written)

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read what `write` wrote, bit by bit the same.

        Raises
        ------
        InputError
            A file is missing or is not what was written.
        """
        path = Path(folder) / FIT_FILE
        try:
            content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); run the fit again") from error
        except yaml.YAMLError as error:
            raise InputError(f"{path}: is not valid YAML; run the fit again ({error})") from error
        models = read_models(path.with_name(MODELS_FILE))
        nuisances: tuple[Nuisance, ...] = ()
        covariance = models.covariance
        if path.with_name(NUISANCES_FILE).exists():
            names = list(models.parameters)
            nuisances, covariance = read_nuisances(path.with_name(NUISANCES_FILE), names, models.covariance)
        try:
            return cls(**_arguments(content), models=models, nuisances=nuisances, covariance=covariance)
        except (TypeError, KeyError) as error:
            raise InputError(f"{path}: is not the file of a fit result ({error}); run the fit again") from error

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks."""
        shown: dict[str, Any] = {
            "status": self.status,
            "message": self.message,
            "stat": f"{self.stat:.4f}",
            "chi2 / dof": f"{self.goodness.chi2:.2f} / {self.goodness.dof} (p = {self.goodness.p_value:.3g})",
        }
        for parameter in self.parameters:
            if not parameter.frozen and parameter.link is None:
                shown[parameter.name] = measured_text(parameter.value, parameter.error, parameter.unit)
        return shown


class _Dumper(PlainDumper):
    """Block style, short lists of numbers on one line, tuples as lists."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: equal values are written out."""
        return True


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _represent_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    is_flat = all(isinstance(value, float) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=is_flat and bool(values))


_Dumper.add_representer(list, _represent_list)


def _row(parameter: FittedParameter) -> dict[str, Any]:
    """A row of fit.yaml; asymmetric errors only where there are any."""
    row = asdict(parameter)
    return {key: value for key, value in row.items() if value is not None or key not in ("errn", "errp")}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _arguments(content: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of FitResult from the content of fit.yaml."""
    goodness = dict(content["goodness"])
    rows: list[dict[str, Any]] = goodness.pop("datasets")
    parts = []
    for row in rows:
        arguments: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        parts.append(DatasetGoodness(**arguments))
    bounds = content["energy_range_TeV"]
    return {
        **content,
        "attempts": tuple(content["attempts"]),
        "energy_range_TeV": None if bounds is None else tuple(bounds),
        "parameters": tuple(FittedParameter(**row) for row in content["parameters"]),
        "goodness": Goodness(**goodness, datasets=tuple(parts)),
    }


def _same(one: Any, other: Any) -> bool:
    """Equality of plain values for which nan equals nan."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return one == other or (one != one and other != other)

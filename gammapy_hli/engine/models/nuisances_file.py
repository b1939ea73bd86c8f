"""The file of fitted nuisances, nuisances.yaml: values, priors, and their rows of the covariance with all parameters.

covariance.dat beside it holds the parameters of the models alone, as gammapy reads it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.nuisance_table import NUISANCES
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior

__all__ = ["read_nuisances", "write_nuisances"]

Array = NDArray[np.float64]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def write_nuisances(
    path: str | os.PathLike[str], nuisances: Sequence[Nuisance], names: Sequence[str], covariance: Array
) -> None:
    """Write nuisances with their part of a covariance.

    Parameters
    ----------
    path : path
    nuisances : sequence of Nuisance
    names : sequence of str
        All parameters, those of the models first.
    covariance : array (n_all, n_all)
    """
    own = [name for nuisance in nuisances for name, _ in nuisance.named_parameters()]
    rows = {name: [float(value) for value in covariance[list(names).index(name)]] for name in own}
    content = {
        "nuisances": [_plain(nuisance) for nuisance in nuisances],
        "covariance": {"names": list(names), "rows": rows},
    }
    write_text(Path(path), yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))


def _plain(nuisance: Nuisance) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": nuisance.name, "datasets_names": list(nuisance.datasets_names)}
    for kind in NUISANCES:
        parameter: Parameter | None = getattr(nuisance, kind)
        if parameter is None:
            continue
        plain[kind] = {key: getattr(parameter, key) for key in ("value", "error", "min", "max", "frozen")}
        if parameter.prior is not None:
            prior = parameter.prior
            plain[kind]["prior"] = {
                "type": prior.type,
                "parameters": [{"name": name, "value": value} for name, value in prior.parameters.items()],
                "weight": prior.weight,
            }
    return plain


def read_nuisances(
    path: str | os.PathLike[str], model_names: Sequence[str], model_covariance: Array
) -> tuple[tuple[Nuisance, ...], Array]:
    """Read what `write_nuisances` wrote, bit by bit the same.

    Parameters
    ----------
    path : path
    model_names : sequence of str
        Parameters of the models of the same fit.
    model_covariance : array (n, n)
        Their covariance.

    Returns
    -------
    nuisances : tuple of Nuisance
    covariance : array (n_all, n_all)
        Of all parameters, those of the models first.

    Raises
    ------
    InputError
        The file cannot be read, or belongs to other models.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
        nuisances = tuple(_made(row) for row in content["nuisances"])
        own = [name for nuisance in nuisances for name, _ in nuisance.named_parameters()]
        names, rows = content["covariance"]["names"], content["covariance"]["rows"]
        part = np.array([rows[name] for name in own], dtype=float).reshape(len(own), len(names))
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not a file of fitted nuisances ({error}); run the fit again") from None
    if names != [*model_names, *own]:
        raise InputError(
            f"{path}: has the parameters {', '.join(names)}; expected {', '.join([*model_names, *own])}. "
            "The files of a fit belong together: run the fit again"
        )
    n = len(model_names)
    covariance = np.zeros((len(names), len(names)))
    covariance[:n, :n] = model_covariance
    covariance[n:] = part
    covariance[:n, n:] = part[:, :n].T
    return nuisances, covariance


def _made(row: Mapping[str, Any]) -> Nuisance:
    kinds = {kind: _parameter(kind, row[kind]) for kind in NUISANCES if kind in row}
    return Nuisance(row["name"], tuple(row["datasets_names"]), **kinds)


def _parameter(kind: str, fields: Mapping[str, Any]) -> Parameter:
    given = fields.get("prior")
    prior = None
    if given is not None:
        numbers = {each["name"]: each["value"] for each in given["parameters"]}
        prior = Prior(given["type"], numbers, given["weight"])
    own = {key: fields[key] for key in ("min", "max", "frozen", "error")}
    return Parameter(kind, fields["value"], prior=prior, help=NUISANCES[kind].help, **own)

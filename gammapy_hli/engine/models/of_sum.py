"""The models of some datasets, for the sum of these datasets."""

from collections.abc import Collection, Sequence

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.sky_model import AnyModel, Models


def models_of_sum(models: Models, parts: Sequence[str], name: str) -> Models:
    """Models for the sum of datasets: one background model in the place of those of its parts.

    Parameters
    ----------
    models : Models
        Stays as it is.
    parts : sequence of str
        Names of the datasets that are added.
    name : str
        Of the sum.

    Returns
    -------
    Models
        Sources of all parts, and '<name>-bkg' with the parameters of the first background model of a part; one that
        is there already stays, and takes the place of them all.

    Raises
    ------
    InputError
        A source is for some of the parts only, so that the sum has no model.
    """
    copies = models.copy()
    has_own = f"{name}-bkg" in copies.names
    kept: list[AnyModel] = []
    for model in copies:
        if not isinstance(model, FoVBackgroundModel):
            kept.append(_for_sum(model, parts, name))
        elif not _is_of(model, parts) or model.name == f"{name}-bkg":
            kept.append(model)
        elif not has_own:
            kept.append(FoVBackgroundModel(name, model.spectral))
            has_own = True
    return Models(kept)


def _is_of(model: AnyModel, parts: Collection[str]) -> bool:
    return model.datasets_names is not None and set(model.datasets_names) <= set(parts)


def _for_sum(model: AnyModel, parts: Sequence[str], name: str) -> AnyModel:
    """A source or template under the name of the sum, where it is bound to its parts."""
    if model.datasets_names is None or not set(model.datasets_names) & set(parts) or name in model.datasets_names:
        return model
    missing = [part for part in parts if part not in model.datasets_names]
    if missing:
        raise InputError(
            f"model {model.name!r} is for {', '.join(model.datasets_names)} and not for {', '.join(missing)}: the sum "
            "of them has no such model. Fit them jointly (stack: false), or take datasets_names out of the model."
        )
    model.datasets_names = (name,)
    return model

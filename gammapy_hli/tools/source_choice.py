"""The source that flux points and light curves are about."""

from typing import Any

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean


def source_name(tool: Any, models: Any) -> str:
    """The source that a tool names, or the only one of the model; background models are none.

    Raises
    ------
    InputError
        There is no such source, or several and none is named.
    """
    from gammapy_hli.engine.models.sky_model import SkyModel  # late: loads astropy

    names = [model.name for model in models if isinstance(model, SkyModel)]
    where = f"{tool.dotted_path or tool.section}.source"
    if tool.source is None:
        if len(names) == 1:
            return names[0]
        raise InputError(f"{where}: the model has {len(names)} sources ({', '.join(names)}); name one")
    if tool.source not in names:
        hint = did_you_mean(tool.source, names)
        raise InputError(f"{where}: no source '{tool.source}' in the model.{hint} It has: {', '.join(names)}")
    return str(tool.source)

"""What a fit and the steps after it are told about other steps, checked before any of them runs.

Instruments that nuisances name, parameters that minos names, and energies that no reduction has.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gammapy_hli.base.errors import ConfigError, Problem
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.core.chain import tool_slots, wire
from gammapy_hli.core.slots import join
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import ModelParameter
from gammapy_hli.engine.models.nuisance_table import NUISANCES

STACKED = "stacked"
"""Name of the dataset that a reduction to maps without label makes."""


def sources_of(tool: Tool, product: str) -> tuple[str, ...]:
    """Names of the steps that feed an input; none where the tool stands alone or does not run."""
    if tool.owner is None or not tool_slots(type(tool.root)) or "steps" in tool.root._bad:
        return ()
    return wire(tool.root).links.get(tool.step, {}).get(product, ())


def labels_of(steps: Sequence[str]) -> tuple[str, ...]:
    """The labels of some steps."""
    return tuple(label for step in steps if (label := step.partition("@")[2]))


# -- nuisances -----------------------------------------------------------------------------------------------------


def nuisance_problems(tool: Any) -> Iterator[Problem]:
    """Nuisances for instruments that the fit does not see, or of a sum of datasets."""
    used = [name for name, item in tool.nuisances.items() if item.named]
    if used and tool.stored("stack"):
        place = tool.nuisances.origin_of(used[0])
        message = f"the sum of the datasets has no nuisance of its own; fit.nuisances names '{used[0]}' ({place})"
        yield tool.problem("stack", message, hint="set stack to false, or take the nuisances out")
    reductions = sources_of(tool, "datasets")
    if not reductions:
        return
    labels = labels_of(reductions)
    yield from _overlaps(tool, used, reductions)
    for name in used:
        if (
            name in labels or tool.nuisances[name].is_inherited
        ):  # a fit of other instruments leaves out what it inherits
            continue
        if not _may_be_dataset(tool.root, reductions, name):
            origin = tool.nuisances.origin_of(name)
            known = f"Labels of its reductions: {', '.join(labels)}." if labels else "Its reductions have no label."
            message = f"'{name}' is neither the label of a reduction of this fit nor one of its datasets."
            hint = f"{did_you_mean(name, labels)} {known}".strip()
            yield origin.problem("unknown-dataset", join(tool.dotted_path, f"nuisances.{name}"), message, hint=hint)


def _may_be_dataset(root: Any, reductions: Sequence[str], name: str) -> bool:
    """Whether a dataset can have this name, as far as can be told before the runs are known."""
    return any(_can_be(root, step, name) for step in reductions)


def _can_be(root: Any, step: str, name: str) -> bool:
    reduction, label = root[step], step.partition("@")[2]
    if reduction.stored("type") != "spectrum" and reduction.stored("stack"):
        return name == (label or STACKED)
    if label and not name.startswith(f"{label}-"):
        return False
    run = name.removeprefix(f"{label}-") if label else name
    if not re.match(r"\d", run):
        return False
    number = run.partition("_")[0]
    feeds = sources_of(reduction, "observations")
    return not feeds or any(_may_select(root[feed], number) for feed in feeds)


def _may_select(selection: Any, number: str) -> bool:
    """Whether a selection can hold a run of this number; a list in a file is not looked at."""
    if number in map(str, selection.stored("exclude_ids")):
        return False
    obs_ids = selection.stored("obs_ids")
    is_open = obs_ids is None or selection.stored("obs_file") is not None
    return is_open or number in map(str, obs_ids)


def _overlaps(tool: Any, used: Sequence[str], reductions: Sequence[str]) -> Iterator[Problem]:
    """Datasets that a nuisance names although another one is for the whole instrument."""
    by_label = {step.partition("@")[2]: step for step in reductions}
    for name in used:
        if name in by_label:
            continue
        for label in used:
            if label not in by_label or not name.startswith(f"{label}-"):
                continue
            if not _can_be(tool.root, by_label[label], name):
                continue
            item = f"fit.nuisances names '{label}' ({tool.nuisances.origin_of(label)}), which holds it"
            message = f"dataset '{name}' would have two nuisances: {item}"
            hint = f"take one out, or name every dataset of {label} on its own"
            path = join(tool.dotted_path, f"nuisances.{name}")
            yield tool.nuisances.origin_of(name).problem("overlap", path, message, hint=hint)


def make_nuisances(tool: Any, datasets_by_step: dict[str, tuple[str, ...]]) -> tuple[Any, ...]:
    """The nuisances of the engine.

    Parameters
    ----------
    tool : FitTool
    datasets_by_step : mapping of step to tuple of str
        Names of the datasets of each reduction.

    Raises
    ------
    ConfigError
        A name that is neither the label of a reduction nor the name of a dataset; all of them at once.
    """
    by_label = {step.partition("@")[2]: names for step, names in datasets_by_step.items()}
    every = [name for names in datasets_by_step.values() for name in names]
    made, problems = [], []
    for name, item in tool.nuisances.items():
        names = by_label.get(name) or ((name,) if name in every else ())
        nuisance = item.nuisance(name, names)
        if nuisance is None or (not names and item.is_inherited):
            continue
        if not names:
            known = [label for label in by_label if label] + every
            message = f"'{name}' is neither the label of a reduction of this fit nor one of its datasets."
            hint = f"{did_you_mean(name, known)} They are {', '.join(known)}.".strip()
            path = join(tool.dotted_path, f"nuisances.{name}")
            problems.append(tool.nuisances.origin_of(name).problem("unknown-dataset", path, message, hint=hint))
        made.append(nuisance)
    if problems:
        raise ConfigError(problems)
    return tuple(made)


def names_elsewhere(tool: Any, models: Any, reductions: Sequence[Any]) -> tuple[str, ...]:
    """Names of datasets that models name and that the fit need not have: of other reductions, or runs left out."""
    left_out = [name for reduction in reductions for name in getattr(reduction, "dropped", {})]
    if tool.owner is None or not tool_slots(type(tool.root)):
        return tuple(left_out)
    own = sources_of(tool, "datasets")
    others = [step for step in wire(tool.root).steps if step.partition("@")[0] == "reduction" and step not in own]
    named = dict.fromkeys(name for model in models for name in model.datasets_names or ())
    return (*left_out, *(name for name in named if _may_be_dataset(tool.root, others, name)))


# -- minos ---------------------------------------------------------------------------------------------------------


def minos_problems(tool: Any) -> Iterator[Problem]:
    """Parameters that minos names and that no source or nuisance has, as far as the options tell."""
    wanted = [name for name in tool.stored("minos") or () if name != "all"]
    makers = sources_of(tool, "models")
    if len(makers) != 1 or tool.root[makers[0]].stored("file") is not None:
        return
    sources = tool.root[makers[0]].sources
    parameters = [name for source in sources for name in _parameter_names(source, sources[source])]
    nuisances = [f"{label}.{kind}" for label, item in tool.nuisances.items() for kind in item.named]
    for name in wanted:
        source = max((each for each in sources if name.startswith(f"{each}.")), key=len, default=None)
        is_nested = source is not None and name.removeprefix(f"{source}.").count(".") > 1  # a part of a compound
        if name in parameters or name in nuisances or is_nested or "-bkg.spectral." in name:
            continue
        if source is None and name.rpartition(".")[2] in NUISANCES:
            message, known = f"'{name}' is no nuisance of the fit.", nuisances
        else:
            message, known = f"'{name}' is not a parameter of the model.", parameters
        yield tool.problem("minos", message, hint=_known_text(name, known), code="unknown-parameter")


def _parameter_names(source: str, component: Any) -> Iterator[str]:
    """Names of the parameters of a source that the table of models knows."""
    for kind in ("spectral", "spatial", "temporal"):
        part = getattr(component, kind)
        for name, member in {} if part is None else type(part).members().items():
            if isinstance(member, ModelParameter):
                yield f"{source}.{kind}.{name}"


def _known_text(name: str, known: Sequence[str]) -> str:
    near = did_you_mean(name, known).strip()
    return near or f"It has: {', '.join(known) or 'none'}."


def check_minos(tool: Any) -> None:
    """ConfigError where minos names a parameter that the fit will not move; makes the models, so it takes a while."""
    wanted = [name for name in tool.stored("minos") or () if name != "all"]
    makers = sources_of(tool, "models")
    if not wanted or len(makers) != 1 or tool.root[makers[0]].has_bad_values:
        return
    models = tool.root[makers[0]].written_models()
    free = [*models.free, *(f"{label}.{kind}" for label, item in tool.nuisances.items() for kind in item.named)]
    problems = []
    for name in wanted:
        if name in free or "-bkg.spectral." in name:
            continue
        is_there = name in models.parameters
        message = f"'{name}' is {'not free' if is_there else 'not a parameter of the model'}."
        problems.append(tool.problem("minos", message, hint=_known_text(name, free), code="unknown-parameter"))
    if problems:
        raise ConfigError(problems)


# -- energies ------------------------------------------------------------------------------------------------------


def range_problem(tool: Any, low: float | None, high: float | None) -> str | None:
    """What is wrong with energies [TeV] that lie outside of all reductions that feed a step; None where nothing is."""
    spans = []
    for step in sources_of(tool, "datasets"):
        axis = tool.root[step].energy
        if axis.has_bad_values:
            return None
        first, last = axis.limits()
        spans.append((first, last, f"{step}, {axis.place_of_limits()}"))
    outside = [
        text
        for first, last, text in spans
        if first is None or last is None or (low is not None and low >= last) or (high is not None and high <= first)
    ]
    if not spans or len(outside) < len(spans):
        return None
    return f"lies outside of the energies of {' and of '.join(outside)}"

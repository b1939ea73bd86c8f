"""What a chain consists of: steps, the options that affect them, the wires between them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_NOT_IN_KEYS = frozenset({"n_jobs", "progress", "log_level", "log_file", "outdir", "executor", "scheduler"})


@dataclass(frozen=True)
class Option:
    """The value of an option.

    Attributes
    ----------
    text : str
        Canonical text: equal settings have equal texts.
    origin : str
        Where it was set (``default``, ``crab.yaml:7:17``).
    is_path : bool
        Whether it names input files: where they stand says nothing about what is in them.
    value : str
        The value as YAML, as it can be set again, where `text` is not that.
    """

    text: str
    origin: str = "default"
    is_path: bool = False
    value: str = ""

    @property
    def is_set(self) -> bool:
        """Whether somebody set it."""
        return bool(self.origin) and self.origin != "default"

    @property
    def as_yaml(self) -> str:
        """The value as it can be set again."""
        return self.value or self.text


@dataclass(frozen=True)
class Step:
    """One tool with everything that decides about its result.

    Parameters
    ----------
    name : str
        Name with label (``fit@stacked``); the name of its folder.
    tool : object
        Has ``run(context, **inputs)``, ``write_product(product, folder)``, ``read_product(folder, inputs)`` and
        ``recipe_version``; may have ``summary_numbers(product)``, ``flags(product)``, ``input_files(**inputs)`` and
        ``check_inputs()``, which looks at what comes from outside the chain before any step runs. Its
        ``keeps_paths`` is true where products hold the paths of input files, and not only what is in them.
    options : mapping of dotted path to Option
        Those that affect the result; ``general.*`` and options about jobs, logs and paths of output are left out here.
    inputs : mapping of str to str or tuple of str
        For each product type that the tool takes: the step that makes it. Several steps are given as a tuple, and the
        tool then gets a tuple of products (`gammapy_hli.run.products.Several`, which knows the names of the steps).
    files : tuple of path
        Input files that are known before the run.
    places : mapping of str
        Absolute path of the input file or folder that an option names, by dotted path.
    """

    name: str
    tool: Any
    options: Mapping[str, Option] = field(default_factory=dict)
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    files: tuple[str | os.PathLike[str], ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def section(self) -> str:
        """The name without its label."""
        return self.name.partition("@")[0]

    @property
    def recipe_version(self) -> int:
        return int(getattr(self.tool, "recipe_version", 1))

    @property
    def keeps_paths(self) -> bool:
        """Whether its products tell where input files stand."""
        return bool(getattr(type(self.tool), "keeps_paths", False))

    @property
    def input_steps(self) -> tuple[str, ...]:
        """Names of the steps whose products are taken, in the order of the wires."""
        named: list[str] = []
        for source in self.inputs.values():
            named += [source] if isinstance(source, str) else source
        return tuple(dict.fromkeys(named))

    def effective_options(self) -> dict[str, Option]:
        """The options that enter keys."""
        return {path: option for path, option in self.options.items() if affects_result(path)}


def input_places(steps: Iterable[Step]) -> dict[str, str]:
    """Absolute paths of all inputs that options of the chain name, by dotted path."""
    return {path: place for step in steps for path, place in step.places.items()}


def affects_result(path: str) -> bool:
    """False for options on how the work is done: ``general.*``, jobs, logs, progress, paths of output."""
    return not path.startswith("general.") and path.rpartition(".")[2] not in _NOT_IN_KEYS


def check_order(steps: Sequence[Step]) -> None:
    """ValueError where a name stands twice or a step takes the product of one that does not stand before it."""
    seen: set[str] = set()
    for step in steps:
        if step.name in seen:
            raise ValueError(f"step '{step.name}' stands twice in the chain")
        for source in step.input_steps:
            if source not in seen:
                raise ValueError(f"step '{step.name}' needs '{source}', which does not stand before it in the chain")
        seen.add(step.name)


def absolute_files(files: Iterable[str | os.PathLike[str]]) -> tuple[Path, ...]:
    """Absolute paths, each once, in order."""
    return tuple(dict.fromkeys(Path(os.path.abspath(file)) for file in files))


def method_of(step: Step, name: str) -> Any:
    """A method that a tool may have, else None. Its class is asked: a component searches for similar options first."""
    return getattr(step.tool, name) if hasattr(type(step.tool), name) else None

"""Keys: what must be equal for a result to be used again (DESIGN.md section 6)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from gammapy_hli import __version__
from gammapy_hli.run.hashing import document_hash
from gammapy_hli.run.step import Option, Step, affects_result

PATH = Option("a path")  # of an input, in keys that say nothing of where it stands


def item_key(
    section: str,
    recipe_version: int,
    options: Mapping[str, Option | str],
    file_hashes: Iterable[str],
    extra: Any = None,
) -> str:
    """Key of one item (a run, an interval).

    Parameters
    ----------
    section : str
        Name of the step without its label: the same work under two labels is the same work.
    recipe_version : int
        Of the tool.
    options : mapping of dotted path to Option or canonical text
        The label and the name of the section do not enter, only what follows.
    file_hashes : iterable of str
        sha256 of the files of this item, in a fixed order.
    extra : plain document, optional
        What else tells this item from others (start and stop of an interval).
    """
    return document_hash(
        {
            "section": section,
            "recipe": recipe_version,
            "options": option_texts(options),
            "files": list(file_hashes),
            "extra": extra,
        }
    )


class ItemKeys:
    """Makes the keys of the items of one execution of a step; every file is looked at once.

    Parameters
    ----------
    step : Step
    file_hash : callable
        sha256 of a file; FileNotFoundError where there is none.
    """

    def __init__(self, step: Step, file_hash: Callable[[Path], str]):
        self.step = step
        self._file_hash = cache(file_hash)
        self._common: dict[tuple[str, ...], str] = {}

    def key(self, files: Iterable[tuple[str, Path]], extra: Any = None, leave_out: Iterable[str] = ()) -> str:
        """Key of an item.

        Parameters
        ----------
        files : iterable of (str, path)
            The files of this item, each with what it is read for.
        extra : plain document
            What else tells this item from others.
        leave_out : iterable of str
            Options of the step on which no item depends.
        """
        hashes = [f"{what} {self._hash_of(path)}" for what, path in files]
        return document_hash({"step": self._key_of_step(tuple(leave_out)), "files": hashes, "extra": extra})

    def _key_of_step(self, leave_out: tuple[str, ...]) -> str:
        if leave_out not in self._common:
            left_out = {f"{self.step.name}.{name}" for name in leave_out}
            options = {path: option for path, option in placeless(self.step.options).items() if path not in left_out}
            contents = [self._hash_of(Path(path)) for path in self.step.files]  # of what options name
            version = {"gammapy_hli": __version__}
            self._common[leave_out] = item_key(self.step.section, self.step.recipe_version, options, contents, version)
        return self._common[leave_out]

    def _hash_of(self, path: Path) -> str:
        try:
            return self._file_hash(path)
        except OSError:
            return "absent"


def recipe_key(step: Step, input_keys: Mapping[str, str]) -> str:
    """Key of what a step is told to do: options and recipe of it and of all steps before it, no data."""
    return document_hash(
        {
            "section": step.section,
            "recipe": step.recipe_version,
            "options": option_texts(step.options if step.keeps_paths else placeless(step.options)),
            "inputs": {role: _keys_of(source, input_keys) for role, source in step.inputs.items()},
        }
    )


def config_key(step: Step, input_keys: Mapping[str, str]) -> str:
    """As `recipe_key`, wherever any input files stand: equal where the same is asked for on another machine."""
    return recipe_key(replace(step, options=placeless(step.options)), input_keys)


def placeless(options: Mapping[str, Option]) -> dict[str, Option]:
    """Options that say nothing of where input files stand."""
    return {path: PATH if option.is_path and option.text != "null" else option for path, option in options.items()}


def work_key(config: str, file_hashes: Iterable[str], input_keys: Iterable[str]) -> str:
    """Key of what a product is made from: what is asked for, the contents of all files, the keys of the inputs' work.

    Equal keys mean equal work, on whatever machine and in whatever folder.
    """
    return document_hash({"config": config, "files": list(file_hashes), "inputs": list(input_keys)})


def step_key(recipe: str, file_hashes: Iterable[str], item_keys: Iterable[str], input_products: Iterable[str]) -> str:
    """Key of a step that has run: its recipe, the files it read, the keys of its items, the products it took."""
    return document_hash(
        {
            "recipe": recipe,
            "files": list(file_hashes),
            "items": list(item_keys),
            "products": list(input_products),
        }
    )


def option_texts(options: Mapping[str, Option | str]) -> dict[str, str]:
    """Canonical texts of the options that affect the result, by the path below the section.

    A section that is there with nothing set in it has the key of one in which the defaults were written out.
    """
    sections = {path.rpartition(".")[0] for path in options}
    return {
        path.partition(".")[2] or path: option.text if isinstance(option, Option) else option
        for path, option in options.items()
        if affects_result(path) and path not in sections
    }


def _keys_of(source: str | tuple[str, ...], keys: Mapping[str, str]) -> list[str]:
    return [keys[source]] if isinstance(source, str) else [keys[name] for name in source]

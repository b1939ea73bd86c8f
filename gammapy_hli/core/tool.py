"""Tool: one step of an analysis. Its options are traits, its inputs and its product are objects that files can hold.

A tool is not a process: it never exits, changes directory or sets up logging; it raises normal exceptions.
"""

from collections.abc import Mapping as AbstractMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from gammapy_hli.base.errors import MissingStepError
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Mapping, OneOrMore, Str


class Tool(Component):
    """One step: ``setup``, ``start``, ``finish``.

    Subclasses define the class attributes, ``setup``, ``start``, ``finish``, ``read_product`` and ``write_product``.

    Attributes
    ----------
    section : str
        Name in the configuration and in ``steps``.
    requires : tuple of str
        Types of the products that it needs, e.g. ``("datasets", "models")``.
    uses : tuple of str
        Types that it takes where they are there.
    gathers : tuple of str
        Types of which it takes every one that is there (a report).
    produces : str
        Type of its product.
    follows : str, optional
        A type among its inputs: products that it also needs and is not told come from where the step that makes that
        one took them. Flux points follow the fit to its datasets and models.
    keeps_paths : bool
        Whether products hold the paths of input files: they are made anew where the same files stand elsewhere.
    recipe_version : int
        Raised whenever the same options and inputs give another product than before.
    """

    section: ClassVar[str] = ""
    requires: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()
    gathers: ClassVar[tuple[str, ...]] = ()
    produces: ClassVar[str] = ""
    follows: ClassVar[str | None] = "fit_result"
    keeps_paths: ClassVar[bool] = False
    recipe_version: ClassVar[int] = 1

    inputs = Mapping(
        OneOrMore(Str()),
        {},
        help="Steps that the inputs come from, where there are two: {datasets: [reduction@hess, reduction@magic]}.",
    )

    exit_stack: ExitStack
    product: Any = None
    """What the last run gave, or what was read from a folder."""

    @property
    def label(self) -> str:
        """What stands behind ``@`` in the name of the step; empty for the step without label."""
        return self.step.partition("@")[2]

    @property
    def step(self) -> str:
        """Name of the step with its label."""
        return self._key if self._owner is not None and self._key.partition("@")[0] == self.section else self.section

    def gathers_here(self) -> tuple[str, ...]:
        """What it gathers with the options that are set; `gathers` unless a tool decides otherwise."""
        return self.gathers

    def run(self, context: Any = None, **inputs: Any) -> Any:
        """Run the step.

        Parameters
        ----------
        context : object, optional
            What the surroundings offer (folders, progress, workers); tools that need nothing of it take None.
        **inputs
            Products by type: one object, or a tuple of them where several steps feed the input.

        Returns
        -------
        object
            The product.

        Raises
        ------
        MissingStepError
            A product that it requires is not given.
        """
        missing = [name for name in self.requires if inputs.get(name) is None]
        if missing:
            raise MissingStepError(f"{self.step or type(self).__name__} needs {' and '.join(missing)}")
        with ExitStack() as stack, self.freeze():
            self.exit_stack = stack
            self.setup(context, inputs)
            self.start()
            self.product = self.finish()
        return self.product

    def setup(self, context: Any, inputs: AbstractMapping[str, Any]) -> None:
        """Take the inputs, make what the options ask for, check outputs; ``self.exit_stack`` closes what is opened."""

    def start(self) -> None:
        """Do the work."""

    def finish(self) -> Any:
        """Give the product."""
        return self.product

    def check_inputs(self) -> None:
        """Look at what comes from outside the chain, before any step runs; raises where it cannot be used."""

    def read_product(self, folder: Path, inputs: AbstractMapping[str, Any] | None = None) -> Any:
        """The product from its files."""
        raise NotImplementedError(f"{type(self).__name__} must define read_product()")

    def write_product(self, product: Any, folder: Path) -> Any:
        """Write the product to its files."""
        raise NotImplementedError(f"{type(self).__name__} must define write_product()")

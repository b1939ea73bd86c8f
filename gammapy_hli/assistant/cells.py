"""An analysis told in Python, step by step: pieces of text and code, from which scripts and notebooks are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from gammapy_hli.analysis import Analysis
from gammapy_hli.assistant.given_options import GivenOption, given_options
from gammapy_hli.assistant.python_text import WIDTH, literal
from gammapy_hli.core.chain import steps_of, tool_slots
from gammapy_hli.core.slots import first_line
from gammapy_hli.tools.model import MODELS_FILE
from gammapy_hli.tools.report import PAGE_FILE

_CALLS = {
    "selection": ("select_observations", "observations"),
    "reduction": ("reduce_data", "datasets"),
    "fit": ("optimise", "fit_result"),
    "maps": ("make_maps", ""),
    "report": ("make_report", ""),
}
"""Call of a step that gives the analysis back, and the short cut to its product."""
_RESULTS = {"flux_points": ("spectral_points", "points"), "light_curve": ("make_light_curve", "light_curve")}
"""Call of a step that gives its product, and a name for it."""


@dataclass(frozen=True)
class Cell:
    """A piece of the analysis.

    Attributes
    ----------
    title : str
    words : str
        What is done, and why.
    code : str
        Statements; empty for none.
    shown : str
        An expression whose value is of interest; empty for none.
    """

    title: str
    words: str
    code: str = ""
    shown: str = ""


def analysis_cells(analysis: Analysis, folder: Path, *, only_changed: bool = False) -> list[Cell]:
    """The chain of an analysis as calls in Python, each with the options that were set for it.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        Where the code will run; relative inputs are rewritten for it.
    only_changed : bool
        Whether options that equal their default are left out.
    """
    teller = _Teller(analysis, folder, only_changed)
    return [teller.beginning(), *(cell for step in steps_of(analysis) for cell in teller.step(step))]


class _Teller:
    def __init__(self, analysis: Analysis, folder: Path, only_changed: bool):
        self.analysis = analysis
        self.folder = folder
        self.only_changed = only_changed
        self.told: set[str] = set()

    def given(self, section: str, *, wiring: bool = False) -> list[GivenOption]:
        """What was set in a section: where its inputs come from, or all else."""
        found = given_options(self.analysis[section], self.folder, only_changed=self.only_changed)
        return [option for option in found if (option.name == "inputs") == wiring]

    def beginning(self) -> Cell:
        """The empty analysis, with what holds for all of it."""
        lines = ["analysis = Analysis()"]
        lines += [line for option in self.given("general") for line in _assignment("analysis.general", option)]
        if self.analysis.is_own("steps") and self.analysis.stored("steps") is not None:
            steps = GivenOption("steps", list(steps_of(self.analysis)), "Steps to run, in their order.")
            lines += _assignment("analysis", steps)
        sections = dict.fromkeys(name for step in steps_of(self.analysis) for name in (step.partition("@")[0], step))
        for section in sections:
            for option in self.given(section, wiring=True):
                lines += _assignment(self.target(section), option)
        return Cell("The analysis", "Its chain of steps; what each step needs is set below.", "\n".join(lines))

    def step(self, step: str) -> Iterator[Cell]:
        """A step; before the first labelled one of its section what holds for all of these."""
        section, _, label = step.partition("@")
        words = first_line(tool_slots(Analysis)[section].component.__doc__)
        if label and section not in self.told and section not in steps_of(self.analysis):
            self.told.add(section)
            shared = [line for option in self.given(section) for line in _assignment(f"analysis.{section}", option)]
            if shared:
                yield Cell(section, f"What holds for every {section}.", "\n".join(shared))
        self.told.add(section)
        options = self.given(step)
        if section == "model" and self.is_model_given(step):
            lines, shown = self.given_models(step), _product(step) if label else "analysis.models"
        elif section == "model":
            lines, shown = _model_lines(self.target(step), label, options)
        else:
            lines = [line for option in options for line in _assignment(self.target(step), option)]
            call, shown = self.call(section, label)
            lines.append(call)
        yield Cell(step, words, "\n".join(lines), shown)

    def is_model_given(self, step: str) -> bool:
        """Whether a model was made in Python: the session holds it, and no option tells it."""
        tool = self.analysis[step]
        return not len(tool.sources) and tool.stored("file") is None and self.models_file(step).is_file()

    def models_file(self, step: str) -> Path:
        """Product of a model step."""
        return Path(self.analysis.general.outdir) / step / MODELS_FILE

    def given_models(self, step: str) -> list[str]:
        """The call that sets such a model, with its text."""
        label = step.partition("@")[2]
        text = self.models_file(step).read_text(encoding="utf-8").replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        end = f", label={literal(label)}" if label else ""
        return ["# gammapy's format", f'MODELS = """\\\n{text}"""', f"analysis.set_models(MODELS{end})"]

    def target(self, step: str) -> str:
        return f'analysis["{step}"]' if "@" in step else f"analysis.{step}"

    def call(self, section: str, label: str) -> tuple[str, str]:
        """The call that runs a step, and the expression for its product."""
        step = f"{section}@{label}" if label else section
        words = f"label={literal(label)}" if label else ""
        if section in _CALLS:
            name, short = _CALLS[section]
            product = f"analysis.{short}" if short and not label else _product(step)
            if section == "report" and self.analysis.general.store:
                product = f"analysis.general.outdir / {literal(f'{step}/{PAGE_FILE}')}"
            return f"analysis.{name}({words})", product
        if section in _RESULTS:
            name, variable = _RESULTS[section]
            variable += f"_{_identifier(label)}" if label else ""
            return f"{variable} = analysis.{name}({words})", variable
        return f"analysis.run(only={literal(step)})", _product(step)


def _model_lines(target: str, label: str, options: list[GivenOption]) -> tuple[list[str], str]:
    """The model: sources, or the file that holds them, go into the call."""
    by_name = {option.name: option.value for option in options}
    source = by_name.get("sources") or by_name.get("file")
    is_one = bool(by_name.get("sources")) != bool(by_name.get("file"))
    lines = [
        line
        for option in options
        if not (is_one and option.name in ("sources", "file"))
        for line in _assignment(target, option)
    ]
    step = f"model@{label}" if label else "model"
    shown = _product(step) if label else "analysis.models"
    if not is_one:
        return [*lines, f"analysis.run(only={literal(step)})"], shown
    end = f", label={literal(label)}" if label else ""
    call = f"analysis.set_models({literal(source, 10**6)}{end})"
    if len(call) > WIDTH:
        inside = [f"    {literal(source, WIDTH - 5, 1)}{',' if label else ''}"]
        inside += [f"    {end[2:]},"] if label else []
        call = "\n".join(["analysis.set_models(", *inside, ")"])
    return [*lines, call], shown


def _product(step: str) -> str:
    """The expression for the product of a step, whether it was made now or before."""
    return f"analysis.product_of({literal(step)})"


def _assignment(target: str, option: GivenOption) -> list[str]:
    """``target.name = value`` with the help behind it, or above where the line would be too long."""
    head = f"{target}.{option.name} = "
    text = head + literal(option.value, WIDTH - len(head))
    help_text = " ".join(option.help.split())
    if "\n" not in text and len(text) + 4 + len(help_text) <= WIDTH:
        return [f"{text}  # {help_text}" if help_text else text]
    return [*wrap(help_text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False), text]


def _identifier(label: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in label)

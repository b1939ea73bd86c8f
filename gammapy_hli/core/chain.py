"""The chain of steps: which step takes its inputs from which, and the order in which they run.

Each tool finds an input as the one earlier step that makes the product; where there are two it must be told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gammapy_hli.base.errors import Problem
from gammapy_hli.base.suggest import suggest
from gammapy_hli.core.component import Component
from gammapy_hli.core.slots import Slot, option_name
from gammapy_hli.core.tool import Tool


@dataclass(frozen=True)
class Chain:
    """Steps and their links.

    Attributes
    ----------
    steps : tuple of str
        In the order in which they run, labels included.
    links : mapping of step to mapping of product type to tuple of steps
        Where the inputs of each step come from.
    problems : tuple of Problem
    """

    steps: tuple[str, ...]
    links: Mapping[str, Mapping[str, tuple[str, ...]]]
    problems: tuple[Problem, ...] = ()

    def before(self, step: str) -> tuple[str, ...]:
        """All steps that a step needs, directly or not, in the order in which they run."""
        needed: set[str] = set()
        waiting = [step]
        while waiting:
            for sources in self.links.get(waiting.pop(), {}).values():
                waiting += [source for source in sources if source not in needed]
                needed.update(sources)
        return tuple(name for name in self.steps if name in needed)

    def after(self, step: str) -> tuple[str, ...]:
        """All steps that need a step, directly or not."""
        return tuple(name for name in self.steps if step in self.before(name))


def tool_slots(root: type[Component]) -> dict[str, Slot]:
    """The slots of a class that hold tools, by section, in the order of the analysis."""
    return {
        name: member
        for name, member in root.members().items()
        if isinstance(member, Slot) and issubclass(member.component, Tool)
    }


def step_name(root: type[Component], written: str) -> str:
    """The name of a step as it is written, with aliases resolved: ``data-reduction@hess`` is ``reduction@hess``."""
    section, at, label = written.partition("@")
    found = root.aliases.get(section) or root.aliases.get(option_name(section)) or option_name(section)
    return f"{found}{at}{label}"


def steps_of(root: Component) -> tuple[str, ...]:
    """The steps that are asked for: the option ``steps``, or the default of the analysis, or all tools."""
    asked = root.stored("steps") if "steps" in root.members() else None
    if asked is None:
        default = getattr(root, "default_steps", None) if hasattr(type(root), "default_steps") else None
        asked = default() if default is not None else tool_slots(type(root))
    return tuple(step_name(type(root), step) for step in asked)


def wire(root: Component, steps: Sequence[str] | None = None) -> Chain:
    """Links and order of the steps.

    Parameters
    ----------
    root : Component
        The analysis, with a slot for every tool.
    steps : sequence of str, optional
        By default those of `steps_of`.
    """
    asked = steps_of(root) if steps is None else tuple(step_name(type(root), step) for step in steps)
    wiring = _Wiring(root, asked)
    links = {step: wiring.links_of(step) for step in wiring.steps}
    order = _sorted_by_need(wiring, links)
    return Chain(order, links, tuple(wiring.problems))


@dataclass
class _Wiring:
    root: Component
    asked: tuple[str, ...]
    problems: list[Problem] = field(default_factory=list)
    links: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tools = tool_slots(type(self.root))
        self.steps: list[str] = []
        for step in self.asked:
            if self._is_step(step):
                self.steps.append(step)

    def _is_step(self, step: str) -> bool:
        section, at, _ = step.partition("@")
        if section not in self.tools:
            found = suggest(section, self.tools)
            hint = f"Did you mean '{found}'?" if found else f"Steps: {', '.join(self.tools)}"
            self._complain("steps", f"'{step}' is not a step.", hint, "unknown-step")
        elif at and not self.root.can_label(step):
            self._complain(
                "steps", f"'{step}' has no valid label; expected letters, digits, '_', '+' or '-'", None, "name"
            )
        elif step in self.steps:
            self._complain("steps", f"'{step}' stands twice", f"Give the second one a label: {section}@other.", "twice")
        else:
            return True
        return False

    def _complain(self, name: str, message: str, hint: str | None = None, code: str = "wiring") -> None:
        self.problems.append(self.root.problem(name, message, code=code, hint=hint))

    def tool(self, step: str) -> type[Tool]:
        return self.tools[step.partition("@")[0]].component  # type: ignore[return-value]

    def instance(self, step: str) -> Tool:
        return self.root[step]  # type: ignore[no-any-return]

    def makers(self, product: str, step: str) -> list[str]:
        """Steps that make a product: the earlier ones, or where there are none the later ones."""
        found = [other for other in self.steps if other != step and self.tool(other).produces == product]
        position = self.steps.index(step)
        return [other for other in found if self.steps.index(other) < position] or found

    def links_of(self, step: str) -> dict[str, tuple[str, ...]]:
        if step in self.links:
            return self.links[step]
        links: dict[str, tuple[str, ...]] = {}
        self.links[step] = links
        tool = self.tool(step)
        told = self.told(step)
        gathers = self.instance(step).gathers_here()
        wanted = list(dict.fromkeys((*tool.requires, *tool.uses, *gathers)))
        wanted.sort(key=lambda product: product != tool.follows)
        for product in wanted:
            sources = told.get(product)
            if sources is None and product in gathers:
                sources = tuple(other for other in self.steps if other != step and self.tool(other).produces == product)
            if sources is None and tool.follows in links and product != tool.follows:
                sources = self._followed(links[str(tool.follows)], product)
            if sources is None:
                sources = self._found(step, product)
            if sources:
                links[product] = sources
        return links

    def _followed(self, leaders: Iterable[str], product: str) -> tuple[str, ...] | None:
        for leader in leaders:
            found = self.links_of(leader).get(product)
            if found:
                return found
            if product in self.tool(leader).requires:
                return ()  # what the leader lacks has been told there
        return None

    def _found(self, step: str, product: str) -> tuple[str, ...]:
        makers = self.makers(product, step)
        tool = self.tool(step)
        if len(makers) > 1:
            names = " and ".join(f"'{maker}'" for maker in makers)
            message = f"{names} all make {product}" if len(makers) > 2 else f"{names} both make {product}"
            example = f"[{', '.join(makers)}]" if product in ("datasets", "observations") else makers[0]
            hint = f"Tell it which: inputs: {{{product}: {example}}}."
            self.problems.append(self._at_inputs(step, message, hint, "ambiguous"))
            return ()
        if not makers and product in tool.requires:
            known = [section for section in self.tools if self.tool(section).produces == product]
            addition = f"Add '{known[0]}' to steps." if known else None
            self._complain("steps", f"step '{step}' needs {product}, which no step makes", addition, "missing-step")
        return tuple(makers)

    def told(self, step: str) -> dict[str, tuple[str, ...]]:
        """What ``inputs`` says, by product."""
        told: dict[str, tuple[str, ...]] = {}
        tool = self.tool(step)
        takes = (*tool.requires, *tool.uses, *self.instance(step).gathers_here())
        for key, value in (self.instance(step).stored("inputs") or {}).items():
            section = step_name(type(self.root), key)
            product = self.tool(section).produces if key not in takes and section in self.tools else str(key)
            if product not in takes:
                near = suggest(key, takes)
                words = f"Did you mean '{near}'?" if near else f"It takes {', '.join(takes) or 'none'}."
                self.problems.append(self._at_inputs(step, f"'{key}' is no input of '{step}'.", words, "unknown-input"))
                continue
            names = [step_name(type(self.root), name) for name in (value if isinstance(value, list) else [value])]
            told[product] = tuple(name for name in names if self._can_feed(step, product, name))
        return told

    def _can_feed(self, step: str, product: str, source: str) -> bool:
        if source not in self.steps:
            near = suggest(source, self.steps)
            words = f"Did you mean '{near}'?" if near else f"Steps: {', '.join(self.steps)}"
            self.problems.append(self._at_inputs(step, f"'{source}' is not in steps.", words, "unknown-step"))
            return False
        made = self.tool(source).produces
        if made != product or source == step:
            message = f"'{source}' makes {made}; expected a step that makes {product}"
            self.problems.append(self._at_inputs(step, message, None, "wrong-input"))
            return False
        return True

    def _at_inputs(self, step: str, message: str, hint: str | None, code: str) -> Problem:
        instance = self.instance(step)
        if instance.is_set("inputs"):
            return instance.problem("inputs", message, code=code, hint=hint)
        origin = self.root.origin_of("steps") if "steps" in self.root.members() else instance.origin_of("inputs")
        return origin.problem(code, f"{step}.inputs", message, hint=hint)


def _sorted_by_need(wiring: _Wiring, links: Mapping[str, Mapping[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """Steps in the written order, each after those it needs."""
    done: list[str] = []
    open_: list[str] = []

    def visit(step: str) -> None:
        if step in done:
            return
        if step in open_:
            circle = " -> ".join([*open_[open_.index(step) :], step])
            wiring._complain("steps", f"steps need each other in a circle: {circle}", None, "circle")
            return
        open_.append(step)
        for sources in links[step].values():
            for source in sources:
                visit(source)
        open_.remove(step)
        if step not in done:
            done.append(step)

    for step in wiring.steps:
        visit(step)
    return tuple(done)

"""The resolver: all sources of options into one tree of components, with every problem at once.

value(path) = the last setting in the order: files (what they extend first), command line, Python. Then the section
without label, the default of the slot, the default of the trait.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from gammapy_hli.base.errors import ConfigError, Problem, sort_problems
from gammapy_hli.base.suggest import suggest
from gammapy_hli.core.apply import Applier
from gammapy_hli.core.chain import Chain, step_name, steps_of, tool_slots, wire
from gammapy_hli.core.component import Component
from gammapy_hli.core.entries import Entry
from gammapy_hli.core.inputs import output_conflicts
from gammapy_hli.core.option import InvalidValue, Option
from gammapy_hli.core.origins import Origin, Setting
from gammapy_hli.core.slots import Alternatives, NamedItems, join, option_name
from gammapy_hli.core.sources import Reader, Source

Root = TypeVar("Root", bound=Component)


@dataclass
class Resolved(Generic[Root]):
    """What the sources say together.

    Attributes
    ----------
    root : Component
        The tree of components; use `build` to get it only where there is no problem.
    problems, warnings : tuple of Problem
        Sorted by place.
    chain : Chain, optional
        The steps and their links, where the root has tools.
    """

    root: Root
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    chain: Chain | None = None

    def build(self) -> Root:
        """The tree of components; ConfigError with all problems where there are any."""
        if self.problems:
            raise ConfigError((*self.problems, *self.warnings))
        return self.root

    def value(self, path: str) -> Any:
        """The value of an option, in canonical plain form; the plain mapping of a section."""
        found = locate(self.root, path)
        if isinstance(found, tuple):
            component, name = found
            return component.stored(name)
        return _plain(found)

    def origin(self, path: str) -> Origin:
        """Who set an option last."""
        component, name = self._option(path)
        return component.origin_of(name)

    def history(self, path: str) -> tuple[Setting, ...]:
        """The default and all settings of an option, the one in force last."""
        component, name = self._option(path)
        return component.history_of(name)

    def changed(self) -> tuple[str, ...]:
        """Paths of the options that somebody set to something else than the default."""
        return tuple(
            join(component.dotted_path, name) for component, name in options(self.root) if component.is_changed(name)
        )

    def as_dict(self) -> dict[str, Any]:
        """All options in force, as nested plain mappings."""
        return self.root.to_plain()

    def _option(self, path: str) -> tuple[Component, str]:
        found = locate(self.root, path)
        if not isinstance(found, tuple):
            raise KeyError(f"'{path}' is a section; expected the path of an option")
        return found


_NOT_READ = {
    *("file-missing", "file-unreadable", "file-too-large", "file-binary", "file-encoding"),
    *("yaml-syntax", "too-deep", "alias-bomb", "alias-loop", "section"),
}
"""Kinds of problems after which nobody knows what else a source would have set."""


def resolve(
    root: type[Root] | Root, sources: Iterable[Source], *, strict: bool = False, complete: bool = False
) -> Resolved[Root]:
    """Resolve sources against a class of components.

    Parameters
    ----------
    root : type or Component
        Class of the root component; or one that is there already, which the sources then go on to set.
    sources : iterable of Source
        The weakest first: files in order, command line, Python.
    strict : bool
        Whether warnings are errors.
    complete : bool
        Whether options that are required by the steps that run must be set. What a section that somebody began
        requires must always be set.

    Returns
    -------
    Resolved
    """
    reader = Reader()
    layers = reader.read(list(sources))
    problems = reader.problems
    made = root() if isinstance(root, type) else root
    _apply_layers(made, layers, problems)
    is_read = not any(problem.severity == "error" for problem in problems if problem.code in _NOT_READ)
    found, chain = check_tree(made, complete=complete and is_read)
    meant = _meant_names(problems)
    problems += [problem for problem in found if not _is_consequence(problem, meant)]
    if strict:
        problems = [replace(problem, severity="error") for problem in problems]
    ordered = sort_problems(dict.fromkeys(problems))
    return Resolved(
        made,
        tuple(problem for problem in ordered if problem.severity == "error"),
        tuple(problem for problem in ordered if problem.severity == "warning"),
        chain,
    )


def _meant_names(problems: Iterable[Problem]) -> set[str]:
    """Names that were meant where something unknown stands."""
    hints = (problem.hint or "" for problem in problems if problem.code == "unknown-key")
    return {name.partition("@")[0] for hint in hints for name in re.findall("'([^']+)'", hint)}


def _is_consequence(problem: Problem, meant: set[str]) -> bool:
    """Whether something is missing only because its name, or that of its section, is misspelt."""
    names = problem.path.split(".")
    above = {".".join(names[: number + 1]).partition("@")[0] for number in range(len(names))}
    return problem.code == "missing" and bool(meant & {*above, *names})


# -- applying ------------------------------------------------------------------------------------------------------


def _apply_layers(root: Component, layers: Sequence[Entry], problems: list[Problem]) -> None:
    labelled: list[tuple[str, Entry, Origin]] = []
    for layer in layers:
        plain: dict[str, Entry] = {}
        for key, entry in layer.value.items():
            if isinstance(key, str) and "@" in key:
                labelled.append((key, entry, layer.keys.get(key, entry.origin)))
            else:
                plain[key] = entry
        Applier(problems).section(root, Entry(plain, layer.origin, layer.keys))
    for key, entry, origin in labelled:
        step = _label(root, key, origin, problems)
        if step is not None:
            root.note_place(step, origin)
            Applier(problems).section(root.make_labelled(step), entry)
    if "steps" in root.members() and not root._bad & {"steps"}:
        for step in steps_of(root):
            if root.can_label(step):
                root.make_labelled(step)


def _label(root: Component, key: str, origin: Origin, problems: list[Problem]) -> str | None:
    """The name of a labelled section; None, with a problem reported, where it cannot be."""
    step = step_name(type(root), key)
    if root.can_label(step):
        return step
    section, _, label = step.partition("@")
    tools = tool_slots(type(root))
    if section in tools:
        message = f"label '{label}' has characters other than letters, digits, '_', '+' and '-'"
        problems.append(origin.problem("name", key, message))
    else:
        found = suggest(section, tools)
        hint = f"Did you mean '{found}@{label}'?" if found else f"Steps can have a label: {', '.join(tools)}"
        problems.append(origin.problem("unknown-key", key, f"unknown key '{key}'.", hint=hint))
    return None


# -- checks over the whole tree ------------------------------------------------------------------------------------


def check_tree(root: Component, *, complete: bool = False) -> tuple[list[Problem], Chain | None]:
    """All problems between the options of a tree, and the chain of its steps.

    Parameters
    ----------
    root : Component
    complete : bool
        Whether what the steps that run require must be there.
    """
    problems: list[Problem] = []
    chain = None
    if tool_slots(type(root)) and "steps" not in root._bad:
        chain = wire(root)
        problems += chain.problems
        problems += _not_run(root, chain.steps)
    for component in list(root.components()):
        runs = chain is None or _runs(component, root, chain.steps)
        problems += _unused_alternatives(component)
        problems += _missing(component, complete and runs)
        if runs and not component.has_bad_values:
            problems += _cross_checks(component, complete)
    problems += output_conflicts(root, chain.steps if chain is not None else ())
    return problems, chain


def _cross_checks(component: Component, complete: bool) -> list[Problem]:
    try:
        return [*component.check(), *(component.check_complete() if complete else ())]
    except ConfigError as error:
        return list(error.problems)
    except InvalidValue as error:
        return [component.problem("", error.message, code=error.code, hint=error.hint)]


def _runs(component: Component, root: Component, steps: Sequence[str]) -> bool:
    """False inside the section of a tool that is not in the steps."""
    node: Any = component
    while node.owner is not None and node.owner is not root:
        node = node.owner
    key = getattr(node, "_key", "")
    return key.partition("@")[0] not in tool_slots(type(root)) or key in steps


def _not_run(root: Component, steps: Sequence[str]) -> Iterator[Problem]:
    """Warnings for sections that are set but not run."""
    for name, part in root.parts().items():
        section = name.partition("@")[0]
        if section not in tool_slots(type(root)) or name in steps:
            continue
        serves_labelled = "@" not in name and any(step.startswith(f"{name}@") for step in steps)
        if not serves_labelled and is_changed(part, own=True):
            message = f"section '{name}' is set, but '{name}' is not in steps"
            hint = f"Add '{name}' to steps, or take the section out."
            yield root.origin_of(name).problem("not-run", name, message, hint=hint, warning=True)


def _unused_alternatives(component: Component) -> Iterator[Problem]:
    for name, member in component.members().items():
        if not isinstance(member, Alternatives):
            continue
        unused = component._unused() & set(member.slots)
        for slot in sorted(unused & set(component._children)):
            if is_changed(component._children[slot]) or not component.is_set(name):
                chosen = component.stored(name)
                message = f"'{slot}' has no effect, because {name} is '{chosen}'"
                written = next(value for value in member.values if option_name(value) == slot)
                yield component.origin_of(slot).problem(
                    "unused", join(component.dotted_path, slot), message, hint=f"Set {name}: {written}.", warning=True
                )


def _missing(component: Component, complete: bool) -> Iterator[Problem]:
    """Options that are required and not set, in sections that somebody began or that run."""
    if not complete and not _is_begun(component):
        return
    for name, member in component.members().items():
        if not getattr(member, "required", False) or name in component._bad or member.internal:
            continue
        is_there = (
            component.stored(name) is not None if isinstance(member, Option) else component.child(name) is not None
        )
        if not is_there:
            path = join(component.dotted_path, name)
            what = member.expected() if isinstance(member, Option) else member.help
            place = _place_of(component)
            yield place.problem("missing", path, f"'{path}' is required; expected {what}")


def _is_begun(component: Component) -> bool:
    node: Any = component
    while node.owner is not None:
        if isinstance(node, NamedItems):
            return True
        if not isinstance(node.owner, NamedItems):
            key = node._key if isinstance(node, Component) else node._member.name
            member = node.owner.members().get(key)
            if member is not None and member.is_optional:
                return True
        node = node.owner
    return component.is_typed and is_changed(component)


def _place_of(component: Component) -> Origin:
    """Where the section of a component begins, or that of the nearest one above that stands somewhere."""
    node: Any = component
    while node.owner is not None:
        key = node._key if isinstance(node, Component) else node._member.name
        origin: Origin = node.owner.origin_of(key)
        if origin.kind != "default":
            return origin
        node = node.owner
    return Origin("default")


# -- looking at the tree -------------------------------------------------------------------------------------------


def options(root: Component) -> Iterator[tuple[Component, str]]:
    """All options in force below a component, as pairs of component and name."""
    for component in root.components(in_force=True):
        for name, member in component.members().items():
            if isinstance(member, Option) and not member.internal:
                yield component, name


def is_changed(part: Any, own: bool = False) -> bool:
    """Whether somebody set an option in a part to something else than its default; `own`: not by inheritance."""
    if isinstance(part, NamedItems):
        return len(part) > 0
    for component, name in options(part):
        if component.is_changed(name) and not (own and component._settings[name][-1].inherited):
            return True
    return False


def locate(root: Component, path: str) -> Any:
    """The component or named items at a dotted path; for an option the pair of its component and name."""
    node: Any = root
    names = path.split(".") if path else []
    for number, written in enumerate(names):
        if isinstance(node, NamedItems):
            node = node[written]
            continue
        if node is None:
            raise KeyError(f"'{'.'.join(names[:number])}' is not set")
        step = step_name(type(node), written)
        if node.can_label(step):
            node = node.make_labelled(step)
            continue
        name = node.find_member(written)
        if name is None:
            raise KeyError(f"unknown option '{path}'.{_hint(node, written)}")
        if isinstance(node.members()[name], Option):
            if number + 1 < len(names):
                raise KeyError(f"'{'.'.join(names[: number + 1])}' is an option; there is no '{path}'")
            return node, name
        node = node.child(name)
    return node


def _hint(node: Component, written: str) -> str:
    found = suggest(written, node.known_keys())
    return f" Did you mean '{found}'?" if found else ""


def _plain(part: Any) -> Any:
    if isinstance(part, NamedItems):
        return {key: item.to_plain() for key, item in part.items()}
    return part.to_plain() if isinstance(part, Component) else part

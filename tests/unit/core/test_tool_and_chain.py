"""Tools run setup, start, finish with frozen options; the chain finds where inputs come from."""

import pytest

from gammapy_hli.base.errors import ConfigError, MissingStepError
from gammapy_hli.core.chain import wire
from gammapy_hli.core.component import Component, Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Int


class Double(Tool):
    """Doubles."""

    section = "double"
    requires = ("number",)
    produces = "number2"
    factor = Int(2, help="Factor.")
    value: int

    def setup(self, context, inputs):
        self.value = inputs["number"]
        self.exit_stack.callback(lambda: context.append("closed"))

    def start(self):
        self.value *= self.factor

    def finish(self):
        return self.value


class Changes(Double):
    """Tries to change an option while it runs."""

    def start(self):
        self.factor = 3


def test_tool_gives_its_product_and_closes_what_it_opened():
    log = []
    tool = Double()
    assert tool.run(log, number=4) == 8
    assert tool.product == 8
    assert log == ["closed"]


def test_options_are_frozen_while_a_tool_runs_and_free_afterwards():
    log = []
    tool = Changes()
    with pytest.raises(ConfigError, match="factor: options cannot change while 'Changes' runs"):
        tool.run(log, number=4)
    assert log == ["closed"]
    tool.factor = 3


def test_missing_input_is_named():
    with pytest.raises(MissingStepError, match="double needs number"):
        Double().run()


def links(tree, text):
    chain = wire(tree.from_text(text).root)
    return chain, [str(problem) for problem in chain.problems]


def test_each_tool_takes_the_one_step_that_makes_its_input(tree):
    chain, problems = links(tree, tree.CRAB)
    assert problems == []
    assert chain.links["reduction"] == {"observations": ("selection",)}
    assert chain.links["flux_points"]["datasets"] == ("reduction",)
    assert chain.links["report"]["fit_result"] == ("fit", "fit@stacked")
    assert chain.before("fit") == ("selection", "reduction", "model")
    assert "report" in chain.after("selection")


def test_estimators_follow_the_fit_to_its_datasets(tree):
    chain, problems = links(tree, tree.JOINT)
    assert problems == []
    assert chain.links["flux_points"]["datasets"] == ("reduction@hess", "reduction@magic")


def test_two_candidates_without_inputs_is_an_error_that_names_both(tree):
    _, problems = links(tree, "steps: [selection, reduction@a, reduction@b, model, fit]")
    assert len(problems) == 1
    assert "fit.inputs: 'reduction@a' and 'reduction@b' both make datasets" in problems[0]
    assert "inputs: {datasets: [reduction@a, reduction@b]}" in problems[0]


def test_steps_run_in_the_order_that_their_products_need(tree):
    chain, problems = links(tree, "steps: [report, fit, model, reduction, selection]")
    assert problems == []
    assert chain.steps == ("selection", "reduction", "model", "fit", "report")


def test_default_steps_come_from_the_analysis(tree):
    assert links(tree, "reduction: {type: image}")[0].steps == ("selection", "reduction", "maps", "report")


WRONG = [
    (
        "steps: [selection, reduction, model, fit]\nfit: {inputs: {datasts: reduction}}",
        "'datasts' is no input of 'fit'. Did you mean 'datasets'?",
    ),
    (
        "steps: [selection, reduction, model, fit]\nfit: {inputs: {datasets: reducton}}",
        "'reducton' is not in steps. Did you mean 'reduction'?",
    ),
    (
        "steps: [selection, reduction, model, fit]\nfit: {inputs: {datasets: model}}",
        "'model' makes models; expected a step that makes datasets",
    ),
    ("steps: [selection, reduction, fit]", "step 'fit' needs models, which no step makes. Add 'model' to steps."),
    ("steps: [selection, selection]", "'selection' stands twice"),
    ("steps: [selection, selecton@x]", "'selecton@x' is not a step. Did you mean 'selection'?"),
    ("steps: ['fit@a b']", "'fit@a b' has no valid label"),
]


@pytest.mark.parametrize(("text", "wanted"), WRONG, ids=[wanted[:30] for _, wanted in WRONG])
def test_wrong_wiring_is_explained(tree, text, wanted):
    assert any(wanted in problem for problem in links(tree, text)[1]), links(tree, text)[1]


def test_inputs_may_name_the_step_instead_of_the_product(tree):
    chain, problems = links(
        tree, "steps: [selection, reduction, model, fit, fit@x, flux_points]\nflux_points: {inputs: {fit: fit@x}}"
    )
    assert problems == []
    assert chain.links["flux_points"]["fit_result"] == ("fit@x",)


def test_circle_is_an_error():
    class A(Tool):
        """A."""

        section, produces, requires = "a", "pa", ("pb",)

    class B(Tool):
        """B."""

        section, produces, requires = "b", "pb", ("pa",)

    class Root(Component):
        """Root."""

        a = Slot(A)
        b = Slot(B)

    assert "in a circle: a -> b -> a" in str(wire(Root()).problems[0])

"""Whatever was done to a session before: its products are those of a fresh run with the same options."""

import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import HliError
from gammapy_hli.engine.models.models_yaml import parse_short

STEPS = ("selection", "reduction", "model", "fit", "flux_points", "light_curve")
OPTIONS = {
    "selection.obs_ids": ([1, 2, 3], [3, 1], None),
    "selection.intervals": (None, {"length": "4 min"}),
    "reduction.energy.min": ("0.1 TeV", "0.2 TeV"),
    "reduction.background.method": ("reflected", "irf"),
    "model.sources.crab.spectral.index": (2, 2.3),
    "fit.stack": (False, True),
    "flux_points.energy.per_decade": (2, 3),
    "light_curve.intervals": ("selection", "runs", "nights"),
    "light_curve.periodogram": (None, {}),
    "general.store_per_obs": (None, True, False),
}
MODELS = [
    parse_short({"crab": {"spectral": {"type": "pl", "index": index, "amplitude": "2e-11 cm-2 s-1 TeV-1"}}})
    for index in (2.1, 2.5)
]


class History:
    """A session and what may be done to it, in an order that a seed decides."""

    def __init__(self, seed, hli):
        self.random, self.hli = random.Random(seed), hli
        self.folder = self.random.choice([None, "first"])
        place = {"general.store": False} if self.folder is None else {"general.outdir": self.folder}
        self.session = Analysis("sim.yaml", {"steps": list(STEPS), **place})
        self.given, self.done, self.n_saved = None, [], 0

    def act(self):
        """One thing more; those that are refused change nothing."""
        acts = (self.set, self.set, self.run, self.run_one, self.save, self.command, self.give, self.model, self.lose)
        act = self.random.choice(acts)
        self.done.append(act.__name__)
        with suppress(HliError):
            act()

    def set(self):
        path = self.random.choice(list(OPTIONS))
        self.session[path] = self.random.choice(OPTIONS[path])

    def run(self):
        self.session.run(self.random.choice(STEPS))

    def run_one(self):
        self.session.run(only=self.random.choice(STEPS))

    def save(self):
        self.n_saved += 1
        self.session.write(f"saved{self.n_saved}")
        if self.random.random() < 0.7:
            self.folder = f"saved{self.n_saved}"
            self.session = Analysis.read(self.folder)

    def command(self):
        if self.folder is not None:
            self.session.write()
            self.hli("run", "--outdir", self.folder, "-q", *self.random.choice([[], ["--until", "fit"], ["--force"]]))
            self.session = Analysis.read(self.folder)

    def give(self):
        model = self.random.choice(MODELS)
        self.session.set_models(model)
        self.given = model

    def model(self):
        index = self.random.choice([2, 2.4])
        self.session.set_models({"crab": {"spectral": {"type": "pl", "index": index}}})
        self.given = None

    def lose(self):
        step = self.random.choice(STEPS)
        if self.folder is not None and not (step == "model" and self.given is not None):
            shutil.rmtree(Path(self.folder) / step, ignore_errors=True)


@pytest.mark.parametrize("seed", range(6))
def test_any_history_ends_with_the_products_of_a_fresh_run(place, hli, products, seed):
    history = History(seed, hli)
    for _ in range(12):
        history.act()
    history.session.run().write("last")
    here = {"general.store": True, "general.outdir": "fresh", "selection.datastore": "store"}
    fresh = Analysis(history.session.to_plain(only_set=True), here)
    if history.given is not None:
        fresh.set_models(history.given)
    fresh.run()
    assert products("last") == products("fresh"), history.done
    assert hli("prov", "check", "last").code == 0, history.done
    assert Analysis.read("last").plan().to_run == (), history.done

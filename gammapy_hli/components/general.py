"""Options that hold for the whole run and change no result."""

import re
from collections.abc import Iterable
from importlib.util import find_spec

from gammapy_hli.base.errors import ConfigError, Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Bool, Choice, Int, Path, Str

_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://\S+")


class General(Component):
    """How the work is done: where results go, how many processes, how much is told. No result depends on it."""

    outdir = Path(
        "analysis", role="output", folder=True, affects_result=False, help="Folder of all results.", level="basic"
    )
    n_jobs = Int(1, min=1, affects_result=False, help="Number of processes.", level="basic")
    executor = Choice(
        ("process", "dask"),
        "process",
        affects_result=False,
        help="process: n_jobs processes on this machine; dask: the workers of a Dask cluster (extra [dask]).",
    )
    scheduler = Str(
        None,
        affects_result=False,
        help="Address of the Dask scheduler (tcp://host:8786), or its scheduler file (.json); "
        "null: a cluster of n_jobs workers on this machine.",
    )
    log_level = Choice(
        ("debug", "info", "warning", "error"), "info", affects_result=False, help="How much is told.", level="basic"
    )
    on_error = Choice(
        ("skip", "stop"),
        "skip",
        affects_result=False,
        help="What to do when one run fails: leave it out and say so, or stop.",
    )
    store = Bool(True, affects_result=False, help="Write products to the outdir; false keeps everything in memory.")
    store_per_obs = Bool(
        None,
        affects_result=False,
        help="Where products are written, keep the dataset of each run: a reduction that was interrupted, or gets more "
        "runs, reduces only those that are missing. null: yes, but of stacked maps, which are large, only the sum so "
        "far; false: nothing.",
    )

    def check(self) -> Iterable[Problem]:
        scheduler = self.stored("scheduler")
        if scheduler is None:
            return
        if self.stored("executor") != "dask":
            place = self.place_of("executor")
            yield self.problem("scheduler", f"needs executor dask; it is {place}", hint="write executor: dask")
        if not (_ADDRESS.fullmatch(scheduler) or scheduler.endswith(".json")):
            message = f"{scheduler!r} is no address and no scheduler file"
            yield self.problem("scheduler", message, hint="write e.g. tcp://host:8786, or the path of a .json file")
        elif self.stored("n_jobs") != 1:
            yield self.problem(
                "n_jobs",
                f"is not used: general.scheduler ({self.origin_of('scheduler')}) has as many workers as it has",
                warning=True,
            )

    def check_workers(self) -> None:
        """ConfigError where the executor cannot work on this machine; looked at before any step runs."""
        if self.executor == "dask" and find_spec("distributed") is None:
            message = "dask needs the package distributed, which is not installed"
            hint = "Install gammapy_hli[dask], or set general.executor to process."
            raise ConfigError(self.problem("executor", message, code="missing-extra", hint=hint))

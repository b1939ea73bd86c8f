"""Options that hold for the whole run and change no result."""

from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Bool, Choice, Int, Path


class General(Component):
    """How the work is done: where results go, how many processes, how much is told. No result depends on it."""

    outdir = Path(
        "analysis", role="output", folder=True, affects_result=False, help="Folder of all results.", level="basic"
    )
    n_jobs = Int(1, min=1, affects_result=False, help="Number of processes.", level="basic")
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

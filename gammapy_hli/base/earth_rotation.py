"""The rotation of the Earth from the tables that astropy brings, whatever their age: nothing is fetched."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from gammapy_hli.base.leap_seconds import future_allowed


@contextmanager
def bundled_earth_rotation() -> Iterator[None]:
    """Let directions at the horizon, and light travel times, be computed offline and for any date.

    Beyond the end of the tables their last values hold: UT1 is off by less than 1 s, which is 15 arcsec at the horizon
    and 1.5 us in a light travel time. Without this astropy asks the network for runs of the last weeks, for ten
    seconds each on a node that has none, and refuses dates that old tables do not hold.
    """
    from astropy.utils import iers  # late: commands without science do without astropy

    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        future_allowed(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Tried to get polar motions for times after")
        yield

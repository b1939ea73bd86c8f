"""The product of the selection, `ObservationTable`: one row for every run of the store (`selection/observations.ecsv`).

The class stands beside `select`, which makes it, because products stand above dl3 in the order of the layers.
"""

from gammapy_hli.engine.dl3.observation_table import COLUMNS, ObservationTable

__all__ = ["COLUMNS", "ObservationTable"]

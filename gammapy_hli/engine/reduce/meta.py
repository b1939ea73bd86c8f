"""What a dataset remembers of its observation: the columns of META_TABLE (NUMERICS C.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation

OFF_FROM = "OFF_FROM"
"""Where off counts come from, if not from other regions of the same run: 'phase', or 'runs 20136 20137'."""
OFF_LEFT = "OFF_LEFT"
"""Which off runs that were chosen for a run could not be used, and why; not there where all could."""


def off_runs_of(meta: Mapping[str, list[Any]]) -> list[str]:
    """Numbers of the off runs that the off counts of a dataset come from; none where they come from elsewhere."""
    texts = [str(text).split() for text in meta.get(OFF_FROM, ())]
    return [number for words in texts if words[:1] == ["runs"] for number in words[1:]]


def observation_meta(observation: Observation) -> dict[str, list[Any]]:
    """TELESCOP, OBS_ID, OBS_MODE, RA_PNT, DEC_PNT and ZENITH [deg], each a list of one entry."""
    pointing = observation.pointing.icrs
    values = {
        "TELESCOP": observation.telescope or "Unknown",
        "OBS_ID": int(observation.obs_id),
        "OBS_MODE": "DRIFT" if observation.is_drift else "POINTING",
        "RA_PNT": float(pointing.ra.deg),
        "DEC_PNT": float(pointing.dec.deg),
        "ZENITH": float(observation.zenith.to_value("deg")),
    }
    return {key: [value] for key, value in values.items()}

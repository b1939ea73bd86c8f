"""What the files of a product say of where they come from (see `gammapy_hli.base.file_record`)."""

from gammapy_hli import __version__
from gammapy_hli.run.manifest import Manifest

DIGITS = 32  # of the keys that are told


def header_record(manifest: Manifest) -> dict[str, str]:
    """The short record of provenance of the files of a step: no time, host or path; equal work is equal bytes."""
    return {
        "CREATOR": f"gammapy_hli {__version__}",
        "HLISTEP": manifest.step,
        "HLICONF": manifest.config_key[:DIGITS],
        "HLIKEY": manifest.work_key[:DIGITS],
    }

"""What the recording scripts share. Needs gammapy 2.1."""

import json


def fill_dataset(dataset, arrays):
    """Put arrays of formula_maps.py into a dataset of gammapy that has all its maps."""
    for name in ("counts", "background", "mask_safe", "exposure", "counts_off", "acceptance", "acceptance_off"):
        if name in arrays:
            getattr(dataset, name).data = arrays[name]
    for irf, values in ((dataset.psf, "psf"), (dataset.edisp, "edisp")):
        getattr(irf, f"{values}_map").data = arrays[values]
        irf.exposure_map.data = arrays["irf_exposure"][:, None]


def write_table(path, table):
    """Write JSON, one line an entry."""
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")

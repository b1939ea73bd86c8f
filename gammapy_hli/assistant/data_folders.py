"""Where data stores are below a folder; loads no numpy."""

from pathlib import Path

INDEX_FILES = ("hdu-index.fits.gz", "hdu-index.fits")


def stores_below(folder: Path, depth: int) -> list[Path]:
    """Folders with an index of HDUs, sorted; those inside a store, and folders that cannot be read, are not looked at.

    Parameters
    ----------
    folder : Path
        Where to begin; it may be a store itself.
    depth : int
        Levels of folders below it.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    if any(entry.name in INDEX_FILES for entry in entries):
        return [folder]
    if depth == 0:
        return []
    return [found for entry in entries if entry.is_dir() for found in stores_below(entry, depth - 1)]

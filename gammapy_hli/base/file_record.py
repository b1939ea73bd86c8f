"""The short record of provenance that product files carry: in the primary header of FITS, the meta of ECSV, as comments
at the top of YAML.

A record is a mapping of `KEYS` to text. It is put into files that are written already, so that whoever writes a product
need not know where it comes from. It holds no clock time, host or path: equal work gives equal bytes.
"""

import gzip
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gammapy_hli.base.atomic_write import write_bytes

KEYS = {
    "CREATOR": "program and version",
    "HLISTEP": "step of the analysis",
    "HLICONF": "key of its options and of those before it",
    "HLIKEY": "key of these and of all input data",
}
"""The keys of a record, and what each one holds; FITS keywords."""

_BLOCK, _CARD = 2880, 80
_MOST_BLOCKS = 1000  # of a header; more is no FITS file
_META = b"# meta: !!omap\n"
_TEXTS = (".ecsv", ".yaml")


def mark_files(folder: str | os.PathLike[str], record: Mapping[str, str]) -> None:
    """Put the record into all files below a folder whose format has a place for it; the others are left alone."""
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            mark_file(path, record)


def mark_file(path: str | os.PathLike[str], record: Mapping[str, str]) -> bool:
    """Put the record into a file, in the place of one that it has; False where its format has no place for it.

    Raises
    ------
    ValueError
        A file with the name of a FITS file has no whole FITS header, or a value does not fit a header card.
    """
    path = Path(path)
    kind = _kind(path)
    if kind in _TEXTS:
        write_bytes(path, _marked_text(path.read_bytes(), kind, record))
    elif kind == ".fits.gz":
        content = _marked_fits(gzip.decompress(path.read_bytes()), record, path)
        write_bytes(path, gzip.compress(content, 6, mtime=0))
    elif kind == ".fits":
        _mark_fits(path, record)
    return kind != ""


def read_record(path: str | os.PathLike[str]) -> dict[str, str]:
    """The record of a file; empty where it has none, or is of a format without a place for it."""
    path = Path(path)
    kind = _kind(path)
    if kind in _TEXTS:
        with open(path, "rb") as stream:
            lines = stream.readlines(1 << 20)
        pattern = _pattern(kind)
        found = [match.groups() for line in lines if (match := pattern.fullmatch(line))]
        return {key.decode(): _unquoted(value.decode()) for key, value in found}
    if kind:
        opener = gzip.open if kind == ".fits.gz" else open
        try:
            with opener(path, "rb") as stream:
                cards = _cards(_header(stream))
        except (ValueError, OSError, EOFError):
            return {}
        return {key: _card_text(card) for card in cards if (key := card[:8].decode("ascii").strip()) in KEYS}
    return {}


def without_record(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The meta of a table as it was before its file was marked."""
    return {key: value for key, value in meta.items() if key not in KEYS}


def _kind(path: Path) -> str:
    """Ending that tells the format; '' for formats without a place."""
    name = path.name.lower()
    return next((ending for ending in (".fits.gz", ".fits", *_TEXTS) if name.endswith(ending)), "")


# -- text ------------------------------------------------------------------------------------------------------------


def _pattern(kind: str) -> re.Pattern[bytes]:
    keys = "|".join(KEYS).encode()
    form = b"# - \\{(%s): (.*)\\}\\n" if kind == ".ecsv" else b"# (%s): (.*)\\n"
    return re.compile(form % keys)


def _marked_text(content: bytes, kind: str, record: Mapping[str, str]) -> bytes:
    """YAML with the record as comments at the top; ECSV with the record as first entries of its meta."""
    lines = content.splitlines(keepends=True)
    n_head = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    pattern = _pattern(kind)
    head = [line for line in lines[:n_head] if not pattern.fullmatch(line)]
    if kind == ".yaml":
        place, own = 0, [f"# {key}: {value}\n".encode() for key, value in record.items()]
    else:
        place, own = _place_in_meta(head)
        own += [f"# - {{{key}: {_quoted(value)}}}\n".encode() for key, value in record.items()]
    return b"".join([*head[:place], *own, *head[place:], *lines[n_head:]])


def _place_in_meta(head: list[bytes]) -> tuple[int, list[bytes]]:
    """Number of the header line before which entries of meta can be put, and what must stand before them."""
    if _META in head:
        return head.index(_META) + 1, []
    return next((n for n, line in enumerate(head) if line.startswith(b"# schema:")), len(head)), [_META]


def _quoted(text: str) -> str:
    """Text in the quotes of YAML, which are those of FITS."""
    return "'{}'".format(text.replace("'", "''"))


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'").rstrip() if text.startswith("'") else text


# -- FITS ------------------------------------------------------------------------------------------------------------


def _mark_fits(path: Path, record: Mapping[str, str]) -> None:
    """In place where the header keeps its size and nobody else sees the file, otherwise by writing it anew."""
    with open(path, "r+b") as stream:
        old = _header(stream)
        new = _marked_header(old, record, path)
        if len(new) == len(old) and os.fstat(stream.fileno()).st_nlink == 1:
            stream.seek(0)
            stream.write(new)
            return
        stream.seek(len(old))
        rest = stream.read()
    write_bytes(path, new + rest)


def _marked_fits(content: bytes, record: Mapping[str, str], path: Path) -> bytes:
    end = _header_size(content)
    if end is None:
        raise ValueError(f"{path}: no whole FITS header in its {len(content)} bytes")
    return _marked_header(content[:end], record, path) + content[end:]


def _header(stream: Any) -> bytes:
    """The primary header of an open file, with its padding."""
    content = b""
    for _ in range(_MOST_BLOCKS):
        block = stream.read(_BLOCK)
        content += block
        if len(block) < _BLOCK or not content.startswith(b"SIMPLE  ="):
            break
        if any(block[start : start + _CARD].rstrip() == b"END" for start in range(0, _BLOCK, _CARD)):
            return content
    raise ValueError(f"no whole FITS header in the first {len(content)} bytes")


def _header_size(content: bytes) -> int | None:
    for start in range(0, len(content), _CARD):
        if content[start : start + _CARD].rstrip() == b"END":
            return -(-(start + _CARD) // _BLOCK) * _BLOCK
    return None


def _cards(header: bytes) -> Iterable[bytes]:
    """The cards of a header before END."""
    for start in range(0, len(header), _CARD):
        card = header[start : start + _CARD]
        if card.rstrip() == b"END":
            return
        yield card


def _marked_header(header: bytes, record: Mapping[str, str], path: Path) -> bytes:
    kept = [card for card in _cards(header) if card[:8].decode("ascii", "replace").strip() not in KEYS]
    while kept and not kept[-1].strip():  # room that was left for more cards
        kept.pop()
    own = [_card(key, value, path) for key, value in record.items()]
    content = b"".join([*kept, *own, b"END".ljust(_CARD)])
    return content + b" " * (-len(content) % _BLOCK)


def _card(key: str, value: str, path: Path) -> bytes:
    text = f"{key:<8}= {_quoted(f'{value:<8}')}"
    if len(text) > _CARD or not text.isascii():
        raise ValueError(f"{path}: {key} {value!r} does not fit a header card of {_CARD} ASCII characters")
    comment = f" / {KEYS.get(key, '')}"
    return (text + comment if len(text + comment) <= _CARD else text).ljust(_CARD).encode("ascii")


def _card_text(card: bytes) -> str:
    match = re.match(r"'(?:[^']|'')*'", card[10:].decode("ascii", "replace").strip())
    return _unquoted(match[0]) if match else ""

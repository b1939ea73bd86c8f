"""Files of items: records one behind the other, each a document and arrays under a key, with checksums.

A record is written with one call and not waited for. A process that is killed leaves whole records and perhaps a part
of one at the end, a machine that loses its power may leave anything: a record counts where its checksums hold.
"""

import json
import os
import secrets
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIX = ".items"
_MAGIC = b"HLIITEM1"
_HEAD = struct.Struct("<8s32sQQI")  # magic, key, sizes of document and arrays, checksum of the document
_CHECK = struct.Struct("<I")  # checksum of the head
_HEAD_SIZE = _HEAD.size + _CHECK.size
_MOST_PARTS = 512  # of one call of the system
_ALIGN = 8


@dataclass(frozen=True)
class Place:
    """Where an item stands: file, first byte, sizes of its document and of its arrays, checksum of the document."""

    path: Path
    start: int
    document: int
    arrays: int
    checksum: int

    @property
    def size(self) -> int:
        """Bytes of the whole record."""
        return _HEAD_SIZE + self.document + self.arrays


class ItemWriter:
    """A new file of items in a folder, which is made where it is not there."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [path.name.partition("-")[0] for path in folder.glob(f"*{SUFFIX}")]
        number = 1 + max((int(text) for text in numbers if text.isdigit()), default=0)
        self.path = folder / f"{number:06d}-{secrets.token_hex(4)}{SUFFIX}"
        self.size = 0
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def append(self, key: str, document: Any, arrays: Sequence[Any]) -> Place:
        """Write an item; arrays are of numpy, one-dimensional and contiguous.

        Raises
        ------
        OSError
            Nothing more can be written to this file.
        TypeError, ValueError
            The document is not plain.
        """
        known = [[array.dtype.str, int(array.size), _checksum(array)] for array in arrays]
        text = json.dumps([document, known], separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-(_HEAD_SIZE + len(text)) % _ALIGN)
        parts = [part for array in arrays for part in (array.data.cast("B"), b"\0" * (-array.nbytes % _ALIGN))]
        place = Place(self.path, self.size, len(text), sum(map(len, parts)), zlib.crc32(text))
        head = _HEAD.pack(_MAGIC, bytes.fromhex(key), place.document, place.arrays, place.checksum)
        _write_all(self._descriptor, [head, _CHECK.pack(zlib.crc32(head)), text, *parts])
        self.size += place.size
        return place

    def close(self) -> None:
        os.close(self._descriptor)


def scan_items(path: Path) -> dict[str, Place]:
    """Where the items of a file are, by key; up to the first record that is not whole."""
    found = {}
    with open(path, "rb") as stream:
        end, start = os.fstat(stream.fileno()).st_size, 0
        while start + _HEAD_SIZE <= end:
            head = os.pread(stream.fileno(), _HEAD_SIZE, start)
            magic, key, document, arrays, checksum = _HEAD.unpack(head[: _HEAD.size])
            if magic != _MAGIC or _CHECK.unpack(head[_HEAD.size :])[0] != zlib.crc32(head[: _HEAD.size]):
                break
            place = Place(path, start, document, arrays, checksum)
            start += place.size
            if start <= end:
                found[key.hex()] = place
    return found


def read_item(place: Place) -> tuple[Any, list[Any]]:
    """Document and arrays of an item; the arrays are read-only.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or is damaged.
    """
    import numpy as np  # late: only where there is something to read

    with open(place.path, "rb") as stream:
        stream.seek(place.start + _HEAD_SIZE)
        content = stream.read(place.document + place.arrays)
    text = content[: place.document]
    if len(content) < place.document + place.arrays or zlib.crc32(text) != place.checksum:
        raise ValueError(f"{place.path}: the item at byte {place.start} is damaged")
    document, known = json.loads(text)
    arrays, position = [], place.document
    for kind, length, checksum in known:
        array = np.frombuffer(content, dtype=kind, count=length, offset=position)
        if _checksum(array) != checksum:
            raise ValueError(f"{place.path}: an array of the item at byte {place.start} is damaged")
        arrays.append(array)
        position += array.nbytes + -array.nbytes % _ALIGN
    return document, arrays


def _checksum(array: Any) -> int:
    """CRC-32 of short arrays; of long ones the sum of their 64-bit words, eight times as fast, and that of the rest."""
    if array.nbytes < 1 << 16:
        return zlib.crc32(array.data)
    octets = array.view("u1")
    whole = len(octets) // 8 * 8
    return (int(octets[:whole].view("u8").sum(dtype="u8")) + zlib.crc32(octets[whole:].data)) % (1 << 64)


def _write_all(descriptor: int, parts: Sequence[Any]) -> None:
    left = [memoryview(part) for part in parts if len(part)]
    while left:
        done = os.writev(descriptor, left[:_MOST_PARTS])
        while left and done >= len(left[0]):
            done -= len(left.pop(0))
        if done:
            left[0] = left[0][done:]

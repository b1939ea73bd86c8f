"""FITS headers as plain mappings, parsed card by card from bytes.

A run of a DL3 store has some 400 header cards, of which an analysis wants 60. Here a card costs a slice, its value is
parsed when asked for, which makes opening a run several times cheaper than with `astropy.io.fits`. The grammar is that
of the FITS standard 4.0, section 4: fixed and free format, `CONTINUE` strings, D exponents.
"""

from collections.abc import Iterator, Mapping

CARD = 80  # [bytes]
BLOCK = 2880  # [bytes]


class FitsHeader(Mapping[str, bool | int | float | str]):
    """Keywords of one HDU, in upper case; comments, blank cards and keywords without a value are not in it.

    Parameters
    ----------
    values
        Keyword -> the value field of its card, not parsed.
    """

    def __init__(self, values: dict[str, str]):
        self._texts = values
        self._parsed: dict[str, bool | int | float | str] = {}

    def __getitem__(self, key: str) -> bool | int | float | str:
        key = key.upper()
        if key not in self._parsed:
            self._parsed[key] = parse_value(self._texts[key])
        return self._parsed[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.upper() in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def parse_value(field: str) -> bool | int | float | str:
    """Give the value of a card from the text after `= `; text that is no FITS value is given as it stands.

    >>> parse_value("'O''Hara  ' / who"), parse_value("  T / yes"), parse_value("1.5D3"), parse_value(" 42 / answer")
    ("O'Hara", True, 1500.0, 42)
    """
    field = field.strip()
    if field.startswith("'"):
        return _text_value(field)
    word = field.split("/", 1)[0].strip()
    if word in ("T", "F"):
        return word == "T"
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word.replace("D", "E").replace("d", "e"))
    except ValueError:
        return word


def _text_value(field: str) -> str:
    """Give the text between the quotes; two quotes in a row are one."""
    end = 1
    while True:
        end = field.find("'", end)
        if end < 0:
            return field[1:].replace("''", "'").rstrip()
        if field[end : end + 2] != "''":
            return field[1:end].replace("''", "'").rstrip()
        end += 2


def parse_header(content: bytes, start: int) -> tuple[FitsHeader, int] | None:
    """Parse the header that begins at byte `start`.

    Returns
    -------
    header, end
        `end` is the first byte of the data; None where the header does not end inside `content`.
    """
    values: dict[str, str] = {}
    last = ""  # keyword of a text that goes on in the next card
    position = start
    while True:
        card = content[position : position + CARD]
        if len(card) < CARD:
            return None
        position += CARD
        key = card[:8].rstrip()
        if key == b"END" and not card[8:].strip():
            break
        if card[8:10] == b"= ":
            name, field = key.decode("latin-1").upper(), card[10:].decode("latin-1")
            if name not in values and field.split("/", 1)[0].strip():
                values[name] = field
            last = name
        elif key == b"CONTINUE" and last in values:
            values[last] = _continued(values[last], card[8:].decode("latin-1"))
    size = position - start
    return FitsHeader(values), start + -(-size // BLOCK) * BLOCK


def _continued(field: str, more: str) -> str:
    """Join a text that ends with & and its continuation to one value field."""
    text, rest = _text_value(field.strip()), _text_value(more.strip())
    if not text.endswith("&"):
        return field
    return "'" + (text[:-1] + rest).replace("'", "''") + "'"


def data_size(header: FitsHeader) -> int:
    """Give the size of the data of an HDU without padding [bytes].

    Raises
    ------
    ValueError
        Where a keyword that tells it is missing or no whole number.
    """
    try:
        n_axes = _whole(header, "NAXIS")
        if n_axes == 0:
            return 0
        cells = 1
        for axis in range(1, n_axes + 1):
            cells *= _whole(header, f"NAXIS{axis}")
        groups, heap = (
            _whole(header, key) if key in header else default for key, default in (("GCOUNT", 1), ("PCOUNT", 0))
        )
        return abs(_whole(header, "BITPIX")) // 8 * groups * (heap + cells)
    except KeyError as error:
        raise ValueError(f"no keyword {error.args[0]}") from None


def _whole(header: FitsHeader, key: str) -> int:
    value = header[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"keyword {key} is {value!r}, expected a whole number")
    return value

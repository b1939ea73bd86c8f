"""Times beyond the leap seconds that are known today."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def future_allowed() -> Iterator[None]:
    """Let a bound such as 2030-01-01 pass without ERFA's warning "dubious year": UTC may be seconds off there."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"ERFA function .*dubious year")
        yield

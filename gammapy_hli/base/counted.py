"""Numbers of things, in words for people."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "run"), counted(4, "run")
    ('1 run', '4 runs')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"

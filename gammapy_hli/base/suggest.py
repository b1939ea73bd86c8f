"""Did you mean: the most likely word behind a misspelt one."""

from collections.abc import Iterable
from difflib import SequenceMatcher


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``word`` most likely stands for, or None.

    Case and the difference between ``-`` and ``_`` do not count. One wrong, missing, doubled or swapped letter in three
    is forgiven; longer words are also found by their common part (``tolerance_value`` finds ``tolerance``).

    >>> suggest("metod", ["method", "ring", "exclusion"])
    'method'
    >>> suggest("qwerty", ["method", "ring"]) is None
    True
    """
    wanted = fold(word)
    if not wanted:
        return None
    best: tuple[float, float] | None = None
    found = None
    for candidate in candidates:
        folded = fold(candidate)
        distance = edit_distance(wanted, folded)
        likeness = SequenceMatcher(None, wanted, folded, autojunk=False).ratio()
        if not _is_close(wanted, folded, distance, likeness):
            continue
        score = (-distance / max(len(wanted), len(folded)), likeness)
        if best is None or score > best:
            best, found = score, candidate
    return found


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with a blank before it, to be put behind a sentence; empty where nothing is close."""
    found = suggest(word, candidates)
    return f" Did you mean '{found}'?" if found is not None else ""


def edit_distance(first: str, second: str) -> int:
    """Number of letters inserted, deleted, replaced or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    previous = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        current = [i]
        for j, b in enumerate(second, start=1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]


def fold(word: str) -> str:
    """A word as it is compared: case and the difference between ``-`` and ``_`` do not count."""
    return word.strip().lower().replace("-", "_")


def _is_close(wanted: str, candidate: str, distance: int, likeness: float) -> bool:
    if distance == 0:
        return True
    shorter, longer = sorted((len(wanted), len(candidate)))
    if shorter < 2:
        return False
    if distance <= max(1, longer // 3):
        return True
    part_of_other = shorter >= 4 and (wanted in candidate or candidate in wanted)
    return part_of_other or (shorter >= 6 and likeness >= 0.75)

"""What somebody probably meant by a name that there is not, and the words that ask so. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

#: Names that are compared at most: each costs time, and one that nobody can find among so many does no good either.
MOST_NAMES = 1000

#: Letters that say which name is begun.
_SHORTEST_BEGINNING = 3


def nearest(name: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The only known name that has the letters of `name` in other cases; or the one that is most like it, or the only one that goes on
    from it. None where none is at least as much `alike` as this, from 0 to 1."""
    names = list(islice(known, MOST_NAMES))
    same = [one for one in names if one.lower() == name.lower()]
    if len(same) == 1:
        return same[0]
    near = difflib.get_close_matches(name, names, n=1, cutoff=alike)
    near = near or [one for one in names if len(name) >= _SHORTEST_BEGINNING and one.startswith(name)]
    return near[0] if len(near) == 1 else None


def did_you_mean(near: str | None) -> str:
    """The question about what `nearest` found; empty where that is nothing."""
    return f"did you mean `{near}`?" if near else ""

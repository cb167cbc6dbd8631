"""The values that were used last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

#: The least recently used beyond so many are forgotten.
MOST = 1000

K = TypeVar("K")
V = TypeVar("V")


class Kept(OrderedDict[K, V]):
    """The most recently used; two that are used alike keep the same."""

    def use(self, key: K) -> V | None:
        if key not in self:
            return None
        self.move_to_end(key)
        return self[key]

    def keep(self, key: K, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > MOST:
            self.popitem(last=False)

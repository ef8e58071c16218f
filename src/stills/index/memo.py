"""What was found out about an index and may be asked for again, as long as there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from stills.index.index import Index

_T = TypeVar("_T")


class Memo:
    """Values by key, those longest not asked for forgotten where they take too much memory. Safe from any thread.

    One belongs to one index and those made of it: values hold for the very tables that they were made from.
    """

    def __init__(self, most_bytes: int) -> None:
        """Nothing is known. A value larger than ``most_bytes`` is never kept."""
        self._most = most_bytes
        self._lock = threading.RLock()
        self._kept: OrderedDict[Hashable, tuple[Any, int, Any]] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """How much memory the values take, about."""
        return self._bytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def ask(self, key: Hashable, make: Callable[[], _T], size: Callable[[_T], int], holds: object) -> _T:
        """The value for ``key``, made where it is not known; others wait meanwhile. ``holds`` is kept with it."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                value: _T = known[0]
                return value
            value = make()
            taken = size(value)
            if taken <= self._most:
                self._kept[key] = (value, taken, holds)
                self._bytes += taken
                while self._bytes > self._most:
                    self._bytes -= self._kept.popitem(last=False)[1][1]
            return value


def remembered(index: Index, key: Hashable, make: Callable[[], _T], size: Callable[[_T], int]) -> _T:
    """What ``make`` makes of the tables of ``index``; where it has a memo, made once and kept for a while.

    ``key`` says what it is, with all that it depends on but the index; ``size`` how many bytes a value takes.
    """
    if index.memo is None:
        return make()
    tables = (index.frames, index.shots, index.faces)
    return index.memo.ask((key, *map(id, tables)), make, size, tables)

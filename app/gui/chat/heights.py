"""Heights of many items and their running sums, changed and searched in O(log n).

A Fenwick tree (P. Fenwick, 1994). Pure. Heights are whole pixels.
"""

from __future__ import annotations

from collections.abc import Iterable


class HeightIndex:
    """Item `i` spans `top(i)` to `top(i + 1)`."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights: list[int] = list(heights)
        self._tree: list[int] = [0, *self._heights]
        for at in range(1, len(self._tree)):
            above = at + (at & -at)
            if above < len(self._tree):
                self._tree[above] += self._tree[at]
        self._total = sum(self._heights)

    def __len__(self) -> int:
        return len(self._heights)

    @property
    def total(self) -> int:
        return self._total

    def height(self, item: int) -> int:
        return self._heights[item]

    def append(self, height: int) -> None:
        at = len(self._tree)
        low = at - (at & -at)
        self._tree.append(height + self.top(at - 1) - self.top(low))
        self._heights.append(height)
        self._total += height

    def pop(self) -> None:
        """Forget the last item."""
        self._total -= self._heights.pop()
        self._tree.pop()

    def set(self, item: int, height: int) -> int:
        """Change one height; returns by how much it grew."""
        grown = height - self._heights[item]
        if grown:
            self._heights[item] = height
            self._total += grown
            at = item + 1
            while at < len(self._tree):
                self._tree[at] += grown
                at += at & -at
        return grown

    def top(self, item: int) -> int:
        """The sum of all heights before `item` (which may be the length)."""
        total = 0
        while item > 0:
            total += self._tree[item]
            item &= item - 1
        return total

    def find(self, y: int) -> int:
        """The item that covers `y`; the first or last for a `y` outside; -1 when empty."""
        if not self._heights:
            return -1
        at, left = 0, max(0, y)
        step = 1 << (len(self._tree) - 1).bit_length()
        while step:
            following = at + step
            if following < len(self._tree) and self._tree[following] <= left:
                at = following
                left -= self._tree[following]
            step >>= 1
        return min(at, len(self._heights) - 1)

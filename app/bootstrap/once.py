"""Parts that are made when they are first asked for: once, whichever threads ask. Knows no part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, overload

T = TypeVar("T")
S = TypeVar("S", bound="Builder")


class Builder(Protocol):
    """Whoever has such parts. `_building` is held while one is made: reentrant, since a part may
    need another."""

    _building: Any


class once(Generic[S, T]):  # noqa: N801 - it is used as `property` is
    """As functools.cached_property, under a lock: pool threads may ask at the same moment."""

    def __init__(self, make: Callable[[S], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, builder: None, owner: type) -> once[S, T]: ...

    @overload
    def __get__(self, builder: S, owner: type) -> T: ...

    def __get__(self, builder: S | None, owner: type) -> once[S, T] | T:
        # What was made stands in the instance from then on, and Python asks here no more.
        if builder is None:
            return self
        with builder._building:
            if self._name not in builder.__dict__:
                builder.__dict__[self._name] = self._make(builder)
            made: T = builder.__dict__[self._name]
            return made

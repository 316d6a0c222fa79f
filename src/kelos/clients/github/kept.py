"""Answers that are asked for again: kept within bounds, so that GitHub can say that nothing has changed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

LARGEST_BYTES = 1024 * 1024
ALL_BYTES = 32 * 1024 * 1024
OVERHEAD_BYTES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One answer. `as_of` is what the reader said of the moment: the same words need no new request."""

    etag: str
    content: bytes
    link: str
    as_of: str

    @property
    def size_bytes(self) -> int:
        """With what is around it."""
        return len(self.content) + len(self.etag) + len(self.link) + len(self.as_of) + OVERHEAD_BYTES


class Store:
    """The answers used last, by account and address."""

    def __init__(self, *, limit_bytes: int = ALL_BYTES) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()

    def find(self, account: str, url: str) -> Kept | None:
        found = self._kept.get((account, url))
        if found is not None:
            self._kept.move_to_end((account, url))
        return found

    def put(self, account: str, url: str, kept: Kept) -> None:
        """Large answers are not kept: to fetch one again costs less than what it would push out."""
        self.drop(account, url)
        if not (kept.etag or kept.as_of) or kept.size_bytes > LARGEST_BYTES:
            return
        self._kept[account, url] = kept
        self._bytes += kept.size_bytes
        while self._bytes > self._limit:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.size_bytes

    def drop(self, account: str, url: str) -> None:
        old = self._kept.pop((account, url), None)
        if old is not None:
            self._bytes -= old.size_bytes

    @property
    def size_bytes(self) -> int:
        return self._bytes

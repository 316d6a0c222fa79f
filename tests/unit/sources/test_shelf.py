"""One number of bytes for everything that is kept from sources, and who gives way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from kelos.errors import UserError
from kelos.sources.shelf import NoRoom, Place, Shelf, giver


@dataclass
class Kept:
    """What namespaces keep, ten bytes each unless a test says more; `gone` in the order of going."""

    shelf: Shelf
    places: dict[str, Place] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    def keep(self, name: str, size_bytes: int = 10) -> None:
        """`team/list`."""
        if name not in self.places:
            self.places[name] = self.shelf.place(name.split("/")[0], name, lambda: self.gone.append(name))
        self.shelf.resize(self.places[name], size_bytes)


def kept(limit_bytes: int, *names: str, **options: Any) -> Kept:
    found = Kept(Shelf(limit_bytes=limit_bytes, **options))
    for name in names:
        found.keep(name)
    return found


def test_what_nobody_used_for_longest_goes_first():
    b = kept(30, "a/1", "a/2", "a/3")
    b.shelf.use(b.places["a/1"], "a")
    b.keep("a/4")

    assert (["a/2"], 30) == (b.gone, b.shelf.size_bytes)


def test_never_is_more_kept_than_may_be():
    """However the sizes change."""
    b = Kept(Shelf(limit_bytes=100))
    for n in range(500):
        b.places.pop(f"a/{n % 7}", None) if b.places.get(
            f"a/{n % 7}", Place(owner="", what="", drop=int)
        ).is_gone else 0
        b.keep(f"a/{n % 7}", 1 + n * 37 % 50)
        assert b.shelf.size_bytes <= 100
        assert b.shelf.size_bytes == sum(place.size_bytes for place in b.places.values())


def test_who_keeps_most_gives_first():
    """A namespace whose server lists without end loses its own lists, and nobody else's."""
    b = kept(100, "small/1", "small/2")
    for n in range(100):
        b.keep(f"hostile/{n}")

    assert {"hostile"} == {name.split("/")[0] for name in b.gone}
    assert "big" == giver({"small": 1, "big": 2})
    assert giver({}) is None


def test_what_was_kept_just_now_stays():
    """Else a large list would be read again for each look at it."""
    b = kept(100, "a/1", "b/1", "b/2", "b/3", "b/4", "b/5", "b/6")
    b.keep("a/1", 50)

    assert ["b/1"] == b.gone


def test_one_list_may_take_half():
    b = kept(100)
    b.keep("a/1", 50)
    with pytest.raises(
        UserError, match="a/1 takes more than 0 MiB, the most that one list may: look at less of it, or"
    ):
        b.keep("a/1", 51)

    assert 0 == b.shelf.size_bytes


def test_who_was_dropped_while_he_read_hears_of_it():
    """Half a list must not be taken for all of it."""
    b = kept(20, "a/1", "a/2", "a/3")
    with pytest.raises(NoRoom, match="a/1 had to make room for others while it was read; it is read again soon"):
        b.keep("a/1", 15)
    b.shelf.reopen(b.places["a/1"])
    b.keep("a/1", 10)

    assert ["a/1", "a/2"] == b.gone


def test_what_is_shared_counts_for_who_used_it_last():
    """One token may be in two namespaces."""
    b = kept(40, "a/1", "a/2", "b/1")
    b.shelf.use(b.places["a/1"], "b")
    b.keep("b/2")
    b.keep("a/3")

    assert ["b/1"] == b.gone


def test_what_is_let_go_makes_room():
    b = kept(20, "a/1", "a/2")
    b.shelf.let_go(b.places["a/1"])
    b.keep("a/3")

    assert [] == b.gone


def test_it_is_told_once_in_a_while_and_counted_each_time():
    """The log of a full controller shall still be readable."""
    told: list[dict[str, object]] = []
    counted: list[int] = []
    now = [0.0]

    class Meter:
        def dropped(self, size_bytes: int) -> None:
            counted.append(size_bytes)

    b = kept(10, monotonic=lambda: now[0], warn=lambda event, **fields: told.append(fields), meter=Meter())
    for n in range(5):
        b.keep(f"a/{n}", 5)
    now[0] = 61.0
    b.keep("a/5", 5)

    assert [5] * 4 == counted
    assert [1, 3] == [each["dropped"] for each in told]

"""What is in a GitHub, and what people do there. Every deed takes a second of its clock; lists learn of it later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

START = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
Json = dict[str, Any]


class Shelf:
    """Things by number. A list shows each as it was some requests ago; a look at one thing shows it as it is."""

    def __init__(self) -> None:
        self._versions: dict[int, list[tuple[int, Json | None]]] = {}

    def put(self, key: int, step: int, thing: Json | None) -> None:
        versions = self._versions.setdefault(key, [])
        versions.append((step, thing))
        del versions[:-20]

    def now(self, key: int) -> Json | None:
        versions = self._versions.get(key)
        return versions[-1][1] if versions else None

    def listed(self, step: int, lag: int = 0) -> Iterator[Json]:
        """Odd numbers lag behind fully, even ones half as far: what changed later may show up sooner."""
        for key, versions in self._versions.items():
            until = step - (lag if key % 2 else lag // 2)
            seen = next((thing for at, thing in reversed(versions) if at <= until), None)
            if seen is not None:
                yield seen


@dataclass
class Repository:
    """`roles` are what logins may do; who is not in it is no collaborator."""

    name: str
    things: Shelf = field(default_factory=Shelf)
    comments: Shelf = field(default_factory=Shelf)
    reviews: Shelf = field(default_factory=Shelf)
    review_comments: Shelf = field(default_factory=Shelf)
    check_runs: Shelf = field(default_factory=Shelf)
    statuses: Shelf = field(default_factory=Shelf)
    roles: dict[str, str] = field(default_factory=dict)
    moved_to: str = ""
    last_number: int = 0


class World:
    """Repositories, people and a clock. `lag` is how many requests later, at most, lists show what was done."""

    def __init__(self, repository: str = "acme/shop") -> None:
        self.now = START
        self.step = 1000
        self.lag = 0
        self.repositories = {repository: Repository(repository)}
        self.teams: dict[str, dict[str, str]] = {}
        self.last_id = 100

    @property
    def shop(self) -> Repository:
        """The repository that deeds are about when they name none: the first."""
        return next(iter(self.repositories.values()))

    def add_repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository(name))

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)

    def moment(self) -> str:
        """One second later, as GitHub writes it."""
        self.now += timedelta(seconds=1)
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_id(self) -> int:
        self.last_id += 1
        return self.last_id

    # What people do.

    def open_issue(self, title: str = "A bug", *, repository: str = "", **known: Any) -> int:
        return self._open(repository, {"title": title, "is_pull": False, **known})

    def open_pull(self, title: str = "A change", *, repository: str = "", **known: Any) -> int:
        """Of branch `fix`, at a commit of its own, changing `main.py`."""
        return self._open(repository, {"title": title, "is_pull": True, **known})

    def _open(self, repository: str, known: Json) -> int:
        found = self.repositories[repository] if repository else self.shop
        found.last_number += 1
        number, moment = found.last_number, self.moment()
        thing = {
            "number": number,
            "body": "",
            "author": "octocat",
            "labels": (),
            "assignees": (),
            "state": "open",
            "draft": False,
            "branch": "fix",
            "sha": f"{number:040x}",
            "files": ("main.py",),
            "comments": 0,
            "review_comments": 0,
            "created_at": moment,
            "updated_at": moment,
            **known,
        }
        found.things.put(number, self.step, thing)
        return number

    def edit(self, number: int, *, repository: str = "", **changes: Any) -> None:
        """Title, body, state, labels, assignees, draft …"""
        found = self.repositories[repository] if repository else self.shop
        thing = found.things.now(number)
        assert thing is not None
        found.things.put(number, self.step, {**thing, "updated_at": self.moment(), **changes})

    def delete(self, number: int) -> None:
        self.shop.things.put(number, self.step, None)

    def push(self, number: int, *files: str) -> str:
        """A new head commit."""
        sha = f"{self.new_id():040x}"
        self.edit(number, sha=sha, **({"files": files} if files else {}))
        return sha

    def comment(self, number: int, body: str, author: str = "octocat", *, repository: str = "") -> int:
        found = self.repositories[repository] if repository else self.shop
        return self._say(found, found.comments, number, {"body": body, "author": author}, "comments")

    def edit_comment(self, identity: int, body: str) -> None:
        said = self.shop.comments.now(identity)
        assert said is not None
        self.edit(said["number"])
        self.shop.comments.put(identity, self.step, {**said, "body": body, "updated_at": self.moment()})

    def delete_comment(self, identity: int) -> None:
        self.shop.comments.put(identity, self.step, None)

    def review(
        self, number: int, state: str = "APPROVED", author: str = "octocat", body: str = "", **known: Any
    ) -> int:
        said = {"body": body, "author": author, "state": state, "commit": self._head(number), **known}
        return self._say(self.shop, self.shop.reviews, number, said)

    def review_comment(self, number: int, body: str, author: str = "octocat", **known: Any) -> int:
        """At line 1 of main.py in the head commit."""
        said = {"body": body, "author": author, "commit": self._head(number), "path": "main.py", "line": 1, **known}
        return self._say(self.shop, self.shop.review_comments, number, said, "review_comments")

    def _head(self, number: int) -> str:
        return str((self.shop.things.now(number) or {})["sha"])

    def _say(self, repository: Repository, shelf: Shelf, number: int, said: Json, counter: str = "") -> int:
        thing = repository.things.now(number)
        assert thing is not None
        identity, moment = self.new_id(), self.moment()
        counted = {counter: thing[counter] + 1} if counter else {}
        repository.things.put(number, self.step, {**thing, **counted, "updated_at": moment})
        new = {"id": identity, "number": number, "created_at": moment, "updated_at": moment, **said}
        shelf.put(identity, self.step, new)
        return identity

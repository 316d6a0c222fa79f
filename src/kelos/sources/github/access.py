"""Whose commands count: asks GitHub about rights and teams, each person once in a pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from kelos.api.github_sources import CommentPolicy, Permission
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub
from kelos.errors import KelosError
from kelos.sources.github.items.commands import Ask, Command, Verdict, judge
from kelos.sources.github.items.rights import is_enough, role_of

LONGEST_LOGIN = 100


class Access:
    """Of one repository and policy. What it learns is forgotten with `forget`, when the next pass begins."""

    def __init__(self, github: GitHub, account: Account, repository: str, policy: CommentPolicy) -> None:
        self._github = github
        self._account = account
        self._repository = repository
        self._policy = policy
        self._known: dict[str, bool] = {}

    def forget(self) -> None:
        self._known = {}

    async def decide(self, commands: Iterable[Command]) -> Verdict:
        """What the commands come to. Asks only about people on whom it depends."""
        found = list(commands)
        while isinstance(answer := judge(self._policy, found, self._known), Ask):
            self._known[answer.login.lower()] = await self._may_command(answer.login)
        return answer

    @property
    def known(self) -> Mapping[str, bool]:
        return self._known

    async def _may_command(self, login: str) -> bool:
        """One yes is enough; what went wrong counts only when nobody said yes."""
        if len(login) > LONGEST_LOGIN:
            return False
        problem: KelosError | None = None
        try:
            if await self._has_permission(login, self._policy.minimum_permission):
                return True
        except KelosError as error:
            problem = error
        for team in self._policy.allowed_teams:
            try:
                if await self._is_member(login, team):
                    return True
            except KelosError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return False

    async def _has_permission(self, login: str, minimum: Permission | None) -> bool:
        if minimum is None:
            return False
        path = f"/repos/{self._repository}/collaborators/{quote(login, safe='')}/permission"
        found = await self._github.find(self._account, path)
        return found is not None and is_enough(role_of(found), minimum)

    async def _is_member(self, login: str, team: str) -> bool:
        org, _, slug = (quote(part, safe="") for part in team.partition("/"))
        path = f"/orgs/{org}/teams/{slug}/memberships/{quote(login, safe='')}"
        found = await self._github.find(self._account, path)
        return found is not None and found.get("state") == "active"

"""What a source signs in with, and what people hear when that cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

import make
from kelos.errors import Forbidden, UserError
from kelos.sources.build import SourceBuilder

pytestmark = pytest.mark.anyio


class Strict:
    """A cluster that lets nobody read Secrets."""

    async def get(self, *_: Any) -> Any:
        raise Forbidden("secrets is forbidden")


async def test_a_secret_that_may_not_be_read_is_told_to_people():
    """The pass would fail again and again, and only the log would say why."""
    unused: Any = None
    builder = SourceBuilder(
        cluster=Strict(),  # type: ignore[arg-type]
        github=unused,
        mirrors=unused,
        accounts=unused,
        jira=unused,
        fetcher=unused,
        warn=unused,
    )

    with pytest.raises(UserError, match=r"Secret 'login' in namespace .* may not be read: secrets is forbidden"):
        await builder.secret(make.NAMESPACE, "login")

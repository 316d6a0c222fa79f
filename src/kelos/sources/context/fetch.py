"""Context sources: everything that is fetched for one item before its Task is made, all of it at once."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from kelos.api.context_source import ContextSource, FailurePolicy, HeaderFrom, HttpContext
from kelos.api.kinds import Manifest
from kelos.clients.account import Accounts
from kelos.clients.flight import Flight
from kelos.clients.web import Answer, Bounds, Request, ask, site
from kelos.errors import KelosError, RemoteError, UserError
from kelos.sources.context.answer import read_answer
from kelos.sources.context.request import Prepared, has_header, header_value, prepare
from kelos.templates import StringMap

ReadSecret = Callable[[str], Awaitable[Manifest]]
"""Gives the Secret of that name as it is now, or raises UserError."""

_HOSTS_OF_API = {"api.github.com": ("api.github.com", "github.com", "raw.githubusercontent.com")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What was fetched, by name, and a sentence for each failure that the sources ignore."""

    values: StringMap = field(default_factory=StringMap)
    warnings: tuple[str, ...] = ()


class ContextFetcher:
    """Fetches for any number of TaskSpawners; `client` is one for addresses that people choose."""

    def __init__(self, client: httpx.AsyncClient, accounts: Accounts, flight: Flight | None = None) -> None:
        self._client = client
        self._flight = flight
        self._accounts = accounts

    async def fetch(
        self, sources: Sequence[ContextSource], variables: Mapping[str, Any], read_secret: ReadSecret
    ) -> Context:
        """The first source that must not fail and does ends the others. Raises UserError or RemoteError naming it."""
        values: dict[str, str] = {}
        warnings: dict[str, str] = {}

        async def one(source: ContextSource) -> None:
            try:
                values[source.name] = await self._value(source.http, variables, read_secret)
            except KelosError as error:
                text = f"Context source '{source.name}' failed: {error}"
                if source.failure_policy is FailurePolicy.IGNORE:
                    values[source.name] = ""
                    warnings[source.name] = text
                    return
                kind = UserError if isinstance(error, UserError) else RemoteError
                raise kind(text) from error

        tasks = [asyncio.create_task(one(source)) for source in sources]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Context(
            values=StringMap({source.name: values[source.name] for source in sources}),
            warnings=tuple(warnings[source.name] for source in sources if source.name in warnings),
        )

    async def _value(self, http: HttpContext, variables: Mapping[str, Any], read_secret: ReadSecret) -> str:
        prepared = prepare(http, variables)
        headers = {"User-Agent": "kelos", "Accept-Encoding": "identity", **prepared.headers}
        headers.update(await _headers_from(http.headers_from, prepared, read_secret))
        if http.github_app_auth is not None and not has_header(headers, "Authorization"):
            headers["Authorization"] = f"token {await self._token(http, prepared, read_secret)}"
        answer = await ask(
            self._client,
            Request(url=prepared.address.url, method=prepared.method, headers=headers, body=prepared.body),
            Bounds(seconds=float(http.timeout_seconds), size_bytes=http.max_response_bytes),
            self._flight,
        )
        if not 200 <= answer.status < 300:
            raise RemoteError(_refusal(answer, prepared))
        return read_answer(answer.content, http.response_filter)

    async def _token(self, http: HttpContext, prepared: Prepared, read_secret: ReadSecret) -> str:
        """An installation token for all that the installation may see, as an address may be about any of it."""
        assert http.github_app_auth is not None
        api_url = http.github_app_auth.api_base_url.rstrip("/")
        api_host = httpx.URL(api_url).host
        if prepared.address.is_open and prepared.address.host not in _HOSTS_OF_API.get(api_host, (api_host,)):
            raise UserError(
                f"the item chooses the host, which gets the App's token only at {api_host}; write it out in the url"
            )
        name = http.github_app_auth.secret_ref.name
        account = self._accounts.of(await read_secret(name), api_url=api_url, repository="")
        if not account.is_app:
            raise UserError(
                f"Secret '{name}' holds no GitHub App, which githubAppAuth needs; use headersFrom for a token"
            )
        return await account.token()


async def _headers_from(wanted: Sequence[HeaderFrom], prepared: Prepared, read_secret: ReadSecret) -> dict[str, str]:
    """Values from Secrets, each Secret read once."""
    if wanted and prepared.address.is_open:
        raise UserError(
            "headersFrom sends secrets, so the url must write its host out instead of leaving it to the item"
        )
    secrets = {name: await read_secret(name) for name in dict.fromkeys(one.secret_name for one in wanted)}
    return {one.header: _secret_header(one, secrets[one.secret_name]) for one in wanted}


def _secret_header(wanted: HeaderFrom, secret: Manifest) -> str:
    data = secret.get("data") or {}
    if wanted.secret_key not in data:
        raise UserError(f"Secret '{wanted.secret_name}' has no key '{wanted.secret_key}'")
    try:
        text = base64.b64decode(data[wanted.secret_key]).decode()
    except (binascii.Error, ValueError):
        raise UserError(f"Key '{wanted.secret_key}' of Secret '{wanted.secret_name}' is no text") from None
    return header_value(wanted.header, text)


def _refusal(answer: Answer, prepared: Prepared) -> str:
    where = site(prepared.address.url)
    if 300 <= answer.status < 400:
        return f"{where} redirects ({answer.status}) to where we do not follow"
    phrase = httpx.codes.get_reason_phrase(answer.status)
    return f"{where} answered {answer.status}{f' ({phrase})' if phrase else ''}"

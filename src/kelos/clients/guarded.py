"""A client for addresses that people and items choose: it does not reach what answers only because we ask.

Addresses are checked when they are connected to, so a name that means another one the next moment does not help.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from kelos.errors import UserError

_METADATA = frozenset(map(ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")))
"""Where clouds hand out a machine's credentials, beside the link-local addresses."""
_CARRIERS_OF_V4 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("::/96"))


def guarded_client(*, may_reach_loopback: bool) -> httpx.AsyncClient:
    """Where a proxy is asked, it decides what can be reached; what passes it by is guarded."""
    direct = _Transport(_Guard(may_reach_loopback=may_reach_loopback))
    found = getproxies()
    proxies = {scheme: proxy for scheme in ("http", "https") if (proxy := found.get(scheme) or found.get("all"))}
    return httpx.AsyncClient(transport=_ByProxy(direct, proxies) if proxies else direct)


def is_forbidden(address: str, *, may_reach_loopback: bool) -> bool:
    """Whether an IP address is this machine, its neighbourhood, or nobody's. Private networks are not forbidden."""
    found = _bare(ip_address(address.partition("%")[0]))
    if found.is_loopback:
        return not may_reach_loopback
    return found in _METADATA or found.is_link_local or found.is_unspecified or found.is_multicast or found.is_reserved


def _bare(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address within an IPv6 one that only carries it."""
    if not isinstance(address, IPv6Address) or address.is_loopback or address.is_unspecified:
        return address
    if (carried := address.ipv4_mapped or address.sixtofour) is not None:
        return carried
    return IPv4Address(int(address) & 0xFFFFFFFF) if any(address in net for net in _CARRIERS_OF_V4) else address


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own, over connections of ours."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        trust = httpx.create_ssl_context()
        super().__init__(verify=trust)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class _ByProxy(httpx.AsyncBaseTransport):
    """Through the proxy that the environment names for a scheme, and directly to what it excepts."""

    def __init__(self, direct: httpx.AsyncBaseTransport, proxies: Mapping[str, str]) -> None:
        self._direct = direct
        self._proxied = {
            scheme: httpx.AsyncHTTPTransport(proxy=proxy if "://" in proxy else f"http://{proxy}")
            for scheme, proxy in proxies.items()
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        is_excepted = bool(proxy_bypass(url.netloc.decode("ascii")))
        transport = None if is_excepted else self._proxied.get(url.scheme)
        return await (transport or self._direct).handle_async_request(request)

    async def aclose(self) -> None:
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()


class _Guard(httpcore.AsyncNetworkBackend):
    def __init__(self, *, may_reach_loopback: bool) -> None:
        self._backend = httpcore.AnyIOBackend()
        self._may_reach_loopback = may_reach_loopback

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if any(is_forbidden(address, may_reach_loopback=self._may_reach_loopback) for address in addresses):
            raise UserError(f"{host} is an address of this machine or of its neighbourhood, which must not be asked")
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)

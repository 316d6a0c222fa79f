"""Which proxy stands between us and a server, by kubectl's rules, and how a connection is made through it."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from kelos.action.api.tunnel import cover
from kelos.errors import UserError

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
HEAD_LIMIT_BYTES = 16 * 1024
SOCKS_PROBLEMS = {2: "its rules forbid it", 3: "network unreachable", 4: "host unreachable", 5: "connection refused"}


class ProxyRefused(OSError):
    """The proxy is there and says no, or nothing that we understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy; its user and password are never shown."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def parse_proxy(url: str, setting: str) -> Proxy:
    """A proxy's URL: `http://`, `https://` or `socks5://`; a UserError names the setting, and never what is in it."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in PORTS:
        raise UserError(
            f"{setting} is no address of a proxy: write it like http://host:3128, https://host:443 or socks5://host:1080"
        )
    return Proxy(
        scheme=parts.scheme.removesuffix("h"),
        host=host,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def proxy_for(url: str, env: Mapping[str, str]) -> Proxy | None:
    """The proxy that the environment wants for this URL; none for this machine and for what NO_PROXY names."""
    parts = urlsplit(url)
    names = ("HTTP_PROXY", "http_proxy") if parts.scheme == "http" else ("HTTPS_PROXY", "https_proxy")
    name = next((name for name in names if env.get(name)), "")
    host = parts.hostname or ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    if not name or is_direct(host, port, env.get("NO_PROXY") or env.get("no_proxy") or ""):
        return None
    return parse_proxy(env[name], f"The variable {name}")


def is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Whether a host is reached without the proxy: loopback always, else by name, domain, address or network."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_covers(rule.strip().lower(), host.lower(), port, address) for rule in no_proxy.split(","))


def open_socket(host: str, port: int, proxy: Proxy | None, timeout: float) -> socket.socket:
    """A connection to the host, straight or through the proxy; `timeout` holds for every step and stays set."""
    route = (host, port) if proxy is None else (proxy.host, proxy.port)
    sock = socket.create_connection(route, timeout)
    try:
        _tune(sock)
        if proxy is not None:
            sock = cover(sock, proxy.host) if proxy.scheme == "https" else sock
            pass_through = _pass_socks if proxy.scheme == "socks5" else _pass_http
            pass_through(sock, host, port, proxy)
    except BaseException:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket) -> None:
    """Small writes go at once; gateways that forget silent streams keep ours, and a dead one is known in a minute."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _covers(rule: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if not rule:
        return False
    if rule == "*":
        return True
    if address is not None and "/" in rule:
        try:
            return address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    name, colon, number = rule.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.startswith("[")):
        if int(number) != port:
            return False
        rule = name
    rule = rule.strip("[]").removeprefix("*")
    if address is not None:
        return _address(rule) == address
    return host.endswith(rule) if rule.startswith(".") else host == rule or host.endswith(f".{rule}")


def _pass_http(sock: socket.socket, host: str, port: int, proxy: Proxy) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.user:
        word = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {word}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)  # not one more: what follows belongs to the server
        if not byte or len(head) > HEAD_LIMIT_BYTES:
            raise ProxyRefused("the proxy broke off its answer")
        head += byte
    status = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)[1:]
    if status[:1] == ["407"]:
        raise _locked(proxy)
    if not status or status[0] != "200":
        said = "".join(letter for letter in " ".join(status) if letter.isprintable())[:80]
        raise ProxyRefused(f"the proxy {proxy.host}:{proxy.port} refused with {said or 'an empty answer'}")


def _pass_socks(sock: socket.socket, host: str, port: int, proxy: Proxy) -> None:
    """RFC 1928 and 1929; names are resolved by the proxy, which may stand in another network."""
    sock.sendall(b"\x05\x02\x00\x02" if proxy.user else b"\x05\x01\x00")
    method = _exactly(sock, 2)[1]
    if method == 2:
        user, password = proxy.user.encode()[:255], proxy.password.encode()[:255]
        sock.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
        if _exactly(sock, 2)[1] != 0:
            raise _locked(proxy)
    elif method != 0:
        raise _locked(proxy)
    name = host.encode() if host.isascii() else host.encode("idna")
    sock.sendall(b"\x05\x01\x00\x03" + bytes((len(name),)) + name + port.to_bytes(2, "big"))
    _, problem, _, kind = _exactly(sock, 4)
    if problem:
        raise ProxyRefused(
            f"the proxy {proxy.host}:{proxy.port} could not connect: {SOCKS_PROBLEMS.get(problem, problem)}"
        )
    length = {1: 4, 4: 16}.get(kind) or _exactly(sock, 1)[0]
    _exactly(sock, length + 2)


def _locked(proxy: Proxy) -> UserError:
    return UserError(f"The proxy {proxy.host}:{proxy.port} does not let us in: check user and password in its URL")


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise ProxyRefused("the proxy broke off its answer")
        data += part
    return data

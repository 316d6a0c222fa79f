"""The string formats that the API server checks; any other format is only a remark."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from datetime import date
from urllib.parse import urlsplit

import re2

_DATE = re2.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_DATE_TIME = re2.compile(
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
    r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_DURATION = re2.compile(
    r"^[+-]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$"
)
_WORDY_DURATION = re2.compile(r"^([0-9]+\s*(nano|micro|milli|sec|min|hour|hr|day|week|d|w)[a-z]*\s*)+$")
_UUID = re2.compile(r"^(?i:[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})$")
_EMAIL = re2.compile(r"^[^@\s<>]+@[^@\s<>]+$")
_HOST = re2.compile(r"^([a-zA-Z0-9]([a-zA-Z0-9-]{0,62}))(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}))*\.?$")
_MAC = re2.compile(r"^([0-9A-Fa-f]{2}[:-]){5}([0-9A-Fa-f]{2})$")


def _matches(pattern: re2._Regexp[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text.encode("utf-8", "replace")) is not None


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return holds


def _is_uri(text: str) -> bool:
    """Absolute, or a path from the root, as Go's ParseRequestURI wants it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return text.startswith("/") or bool(parts.scheme and text[len(parts.scheme) + 1 :])


def _is_date(text: str) -> bool:
    return _matches(_DATE)(text) and _parses(date.fromisoformat)(text)


def _is_date_time(text: str) -> bool:
    return _matches(_DATE_TIME)(text) and _is_date(text[:10])


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "byte": _parses(lambda text: base64.b64decode(text, validate=True)),
    "cidr": lambda text: text.rpartition("/")[2].isdecimal() and _parses(ipaddress.ip_interface)(text),
    "date": _is_date,
    "date-time": _is_date_time,
    "duration": lambda text: _matches(_DURATION)(text) or _matches(_WORDY_DURATION)(text),
    "email": _matches(_EMAIL),
    "hostname": _matches(_HOST),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "mac": _matches(_MAC),
    "uri": _is_uri,
    "uuid": _matches(_UUID),
}

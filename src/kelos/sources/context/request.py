"""What is asked for a context source: its templates rendered for one item, everything in it checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kelos.api.context_source import HttpContext, HttpMethod
from kelos.errors import UserError
from kelos.sources.context.address import Address, check_address
from kelos.templates import Limits, TemplateError, parse

BODY_BYTES = 512 * 1024
HEADER_BYTES = 8 * 1024

_LIMITS = Limits(steps=100_000, output_bytes=BODY_BYTES)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request without its secrets."""

    address: Address
    method: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


def prepare(http: HttpContext, variables: Mapping[str, Any]) -> Prepared:
    """Raises UserError naming the field that cannot be sent."""
    address = check_address(http.url, _rendered("url", http.url, variables), allow_insecure=http.allow_insecure)
    headers = {
        name: header_value(name, _rendered(f"headers['{name}']", text, variables))
        for name, text in http.headers.items()
    }
    body = None
    if http.method is HttpMethod.POST and http.body is not None:
        body = _rendered("body", http.body, variables).encode("utf-8", "replace")
        if not has_header(headers, "Content-Type"):
            headers["Content-Type"] = "application/json"
    return Prepared(address=address, method=http.method.value, headers=headers, body=body)


def header_value(name: str, text: str) -> str:
    """A header as it may be sent. Raises UserError, which shows no value."""
    if not _HEADER.fullmatch(name) or name.lower() in _OURS:
        raise UserError(f"header '{name[:100]}' is none that can be set")
    text = text.strip()
    if _UNPRINTABLE.search(text) or len(text) > HEADER_BYTES:
        raise UserError(f"the value of header '{name}' has line breaks or is too long")
    return text


def has_header(headers: Mapping[str, str], name: str) -> bool:
    """Whether it is there in any case."""
    return any(name.lower() == one.lower() for one in headers)


def _rendered(where: str, template: str, variables: Mapping[str, Any]) -> str:
    try:
        return parse(template).render(variables, strict=True, limits=_LIMITS)
    except TemplateError as error:
        raise UserError(f"the template in {where} cannot be rendered: {error}") from error

"""Where a redirect may lead, and what goes along."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from kelos.clients.web import Answer, Bounds, Request, ask, clean, redirected, site
from kelos.errors import RemoteError

SECRETS = {"Authorization": "Bearer s3cr3t", "X-Key": "s3cr3t", "Cookie": "s3cr3t", "Accept": "text/plain"}


def onward(
    url: str, location: str, *, status: int = 302, may_leave: bool = True, method: str = "GET"
) -> Request | None:
    request = Request(url=url, method=method, headers=SECRETS, body=b"x" if method == "POST" else None)
    answer = Answer(status=status, headers=httpx.Headers({"Location": location} if location else {}), content=b"")
    return redirected(request, answer, may_leave=may_leave)


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("https://a.example/x", "/y?z=1", "https://a.example/y?z=1"),
        ("https://a.example/x/", "../y", "https://a.example/y"),
        ("https://a.example/x", "https://A.example/y", "https://a.example/y"),
        ("http://a.example/x", "https://a.example/x", "https://a.example/x"),
        ("https://a.example:8443/x", "//a.example:8443/y", "https://a.example:8443/y"),
    ],
)
def test_within_a_site_everything_goes_along(url, location, expected):
    found = onward(url, location, may_leave=False)

    assert found is not None
    assert (expected, SECRETS) == (found.url, dict(found.headers))


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://a.example/x", "https://b.example/x"),
        ("https://a.example/x", "https://a.example.evil/x"),
        ("https://a.example/x", "https://sub.a.example/x"),
        ("https://a.example/x", "https://a.example:8443/x"),
        ("http://a.example:8080/x", "https://a.example/x"),
        ("http://a.example/x", "https://a.example:8443/x"),
        ("https://a.example/x", "//b.example/x"),
    ],
)
def test_another_site_sees_nothing_that_says_who_asks(url, location):
    found = onward(url, location)

    assert found is not None
    assert {"Accept": "text/plain"} == dict(found.headers)
    assert None is onward(url, location, may_leave=False)


@pytest.mark.parametrize(
    "location",
    [
        "http://a.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://u:p@b.example/",
        "",
        "https://a.example:port/",
        "http:///x",
    ],
)
def test_some_redirects_are_not_followed(location):
    """From https never to http; to nothing that is no site."""
    assert None is onward("https://a.example/x", location)


@pytest.mark.parametrize("status", [200, 300, 304, 404])
def test_only_redirects_redirect(status):
    assert None is onward("https://a.example/x", "/y", status=status)


@pytest.mark.parametrize(
    ("status", "expected"), [(301, ("GET", None)), (303, ("GET", None)), (307, ("POST", b"x")), (308, ("POST", b"x"))]
)
def test_a_body_goes_along_where_the_answer_says_so(status, expected):
    found = onward("https://a.example/x", "/y", status=status, method="POST")

    assert found is not None
    assert expected == (found.method, found.body)


def test_an_answer_that_trickles_ends():
    """Each byte comes in time, the answer does not."""

    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                yield b"x"
                await asyncio.sleep(0.01)

    async def run() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Trickle()))
        async with httpx.AsyncClient(transport=transport) as client:
            await ask(client, Request(url="https://a.example/?key=s3cr3t"), Bounds(seconds=0.1, size_bytes=1000))

    with pytest.raises(RemoteError, match=r"^https://a\.example did not answer within 0\.1 s$"):
        asyncio.run(run())


def test_what_is_said_of_an_address_holds_no_secret():
    assert ("https://a.example:8443", "the address") == (
        site("https://a.example:8443/x?key=s3cr3t"),
        site("https://a.example:port/"),
    )


def test_foreign_text_is_one_short_line():
    assert ("a b c", "x" * 200 + "…") == (clean(" a\x1b\n b\u202ec "), clean("x" * 5000))

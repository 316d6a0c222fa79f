"""Addresses of repositories as people write them, and what is made of them."""

from __future__ import annotations

import pytest

from kelos.api.repository import parse_repository
from kelos.errors import UserError


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://github.com/acme/shop", "github.com", "acme/shop"),
        ("https://github.com/acme/shop.git", "github.com", "acme/shop"),
        ("https://github.com/acme/shop/", "github.com", "acme/shop"),
        ("https://github.com/acme/shop.git/", "github.com", "acme/shop"),
        ("https://github.com//acme/shop//", "github.com", "acme/shop"),
        ("https://github.com/acme/shop.web.js", "github.com", "acme/shop.web.js"),
        ("https://github.com/acme/.github", "github.com", "acme/.github"),
        ("https://github.com/acme/shop.git.git", "github.com", "acme/shop.git"),
        ("https://GitHub.COM/Acme/Shop", "github.com", "Acme/Shop"),
        ("https://github.com:443/acme/shop", "github.com", "acme/shop"),
        ("https://git.example.com:8443/acme/shop", "git.example.com:8443", "acme/shop"),
        ("http://git.example.com:80/acme/shop", "git.example.com", "acme/shop"),
        ("https://git.example.com/group/sub/shop.git", "git.example.com", "group/sub/shop"),
        ("https://bot@git.example.com/acme/shop", "git.example.com", "acme/shop"),
        ("https://bot@example.com@git.example.com/acme/shop", "git.example.com", "acme/shop"),
        ("https://[::1]:8443/acme/shop", "[::1]:8443", "acme/shop"),
        ("ssh://git@github.com/acme/shop.git", "github.com", "acme/shop"),
        ("ssh://git@git.example.com:2222/acme/shop", "git.example.com:2222", "acme/shop"),
        ("ssh://git.example.com:22/acme/shop", "git.example.com", "acme/shop"),
        ("git@github.com:acme/shop.git", "github.com", "acme/shop"),
        ("git@github.com:/acme/shop", "github.com", "acme/shop"),
        ("git://git.example.com/acme/shop", "git.example.com", "acme/shop"),
    ],
)
def test_host_and_path(url, host, path):
    """Dots, ports, users, slashes at the end: none of them is part of a name."""
    found = parse_repository(url)

    assert (host, path) == (found.host, found.path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme/shop",
        "/srv/shop.git",
        "file:///srv/shop.git",
        "ext::sh -c id",
        "https://github.com",
        "https:///acme/shop",
        "https://github.com/.git",
        "https://github.com:port/acme/shop",
        "https://[::1/acme/shop",
        "git@:acme/shop",
        "git@github.com:",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url):
    """It may hold a secret."""
    with pytest.raises(UserError) as caught:
        parse_repository(url)

    assert url == "" or url not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/shop",
        "https://bot@GitHub.com/Acme/Shop.git/",
        "https://github.com:443/acme/shop",
        "ssh://git@github.com:22/acme/shop.git",
        "git@github.com:acme/shop",
        "git://github.com/acme/shop",
    ],
)
def test_one_repository_has_one_identity(url):
    """Two Workspaces of it exclude each other on a branch."""
    assert "github.com/acme/shop" == parse_repository(url).identity


@pytest.mark.parametrize(
    ("url", "address", "api"),
    [
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop", "https://api.github.com"),
        ("https://bot@h.io:8443/a/b.git", "https://h.io:8443/a/b", "https://h.io:8443/api/v3"),
        ("ssh://git@h.io:2222/a/b", "https://h.io/a/b", "https://h.io/api/v3"),
        ("http://[::1]:3000/a/b", "http://[::1]:3000/a/b", "http://[::1]:3000/api/v3"),
        ("ssh://git@[::1]:2222/a/b", "https://[::1]/a/b", "https://[::1]/api/v3"),
        ("git@shop.ghe.com:a/b", "https://shop.ghe.com/a/b", "https://api.shop.ghe.com"),
    ],
)
def test_where_the_host_answers_http(url, address, api):
    """Without the user, and without the port of another transport."""
    found = parse_repository(url)

    assert (address, api) == (found.address, found.api_url)

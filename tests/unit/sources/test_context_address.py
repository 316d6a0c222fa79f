"""Text of items may fill an address, but not lead it elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.errors import UserError
from kelos.sources.context.address import check_address
from kelos.templates import render

EVIL = (
    "/../x",
    ".evil.com/",
    "@evil.com/",
    ":80@evil.com/",
    "\\evil.com/",
    "//evil.com/",
    "?x",
    "#x",
    "evil.com",
    "a.evil.com",
)


def checked(template: str, *, allow_insecure: bool = False, **variables: object):
    return check_address(template, render(template, variables, strict=True), allow_insecure=allow_insecure)


@pytest.mark.parametrize(
    ("template", "host"),
    [
        ("https://api.example.com/items/{{.ID}}", "api.example.com"),
        ("https://api.example.com?q={{.Title | urlquery}}", "api.example.com"),
        ("https://api.example.com:8443/{{.ID}}", "api.example.com"),
        ("https://api.example.com:{{.Port}}/{{.ID}}", "api.example.com"),
        ("https://api.example.com{{.Path}}", "api.example.com"),
        ("https://{{.ID}}.example.com/", "eng-42.example.com"),
        ("https://api-{{.ID}}.example.com/", "api-eng-42.example.com"),
        ("https://{{.ID}}-api.example.com/", "eng-42-api.example.com"),
        ("https://[2001:db8::1]:443/{{.ID}}", "2001:db8::1"),
        ("  https://api.example.com/{{- .ID}}\n", "api.example.com"),
        ("https://api.example.com/a/../{{.ID}}", "api.example.com"),
    ],
)
def test_what_a_template_writes_out_is_its_own_choice(template, host):
    address = checked(template, ID="eng-42", Port=8443, Path="/a/b", Title="a b/c")

    assert (host, False) == (address.host, address.is_open)


@pytest.mark.parametrize(
    "template",
    [
        "{{.URL}}",
        "https://{{.Host}}/x",
        "https://{{.Host}}:8443/x",
        "{{if .Host}}https://{{.Host}}/{{end}}",
        "https://api.{{.Host}}/",
    ],
)
def test_what_it_leaves_to_the_item_is_open(template):
    """Such an address is asked, but never with credentials."""
    assert checked(template, URL="https://example.com/x", Host="example.com").is_open


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(
    ("template", "allowed"),
    [
        ("https://api.example.com{{.X}}", "api.example.com"),
        ("https://api.example.com/{{.X}}", "api.example.com"),
        ("https://api.example.com:{{.X}}/", "api.example.com"),
        ("https://{{.X}}.example.com/", ".example.com"),
        ("https://{{.X}}-api.example.com/", "-api.example.com"),
    ],
)
def test_no_text_of_an_item_changes_a_host(template, allowed, evil):
    try:
        found = checked(template, X=evil).host
    except UserError as error:
        found = "" if "evil" in str(error) else allowed

    assert found.endswith(allowed)


@given(st.text("./@:\\?#a1-[]%é \t\n", max_size=12))
def test_whatever_an_item_says_the_host_stays(text):
    for template in ("https://api.example.com{{.X}}", "https://{{.X}}.example.com/", "https://api.example.com/{{.X}}"):
        try:
            host = checked(template, X=text).host
        except UserError:
            continue
        assert host == "api.example.com" or (template.endswith(".example.com/") and host.endswith(".example.com"))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("http://api.example.com/", "must begin with https://$"),
        ("ftp://api.example.com/", "must begin with https://"),
        ("{{.X}}", "must begin with https://"),
        ("https://user:pw@api.example.com/", "must not hold credentials"),
        ("https:///path", "names no plain host"),
        ("https://api.example.com/{{.Lines}}", "line breaks"),
        ("https://api.example.com/items/{{.Up}}", "leads upwards"),
        ("https://api.example.com/items/{{.Escaped}}", "leads upwards"),
        ("https://api.example.com/{{.Long}}", "too long"),
    ],
)
def test_what_is_no_address_is_refused(template, words):
    variables = {
        "X": "javascript:alert(1)",
        "Lines": "a\r\nHost: evil",
        "Up": "../../admin",
        "Escaped": "%2e%2E/x",
        "Long": "x" * 20000,
    }
    with pytest.raises(UserError, match=words):
        checked(template, **variables)


def test_http_is_for_those_who_allow_it():
    assert "api.example.com" == checked("http://api.example.com/", allow_insecure=True).host

"""The credential helper in the checkout's configuration: a line of shell, because agent images may have no Python.

It knows one protocol and one host, reads the token anew each time, and never holds it itself.
"""

from __future__ import annotations

import re

from kelos.api import names
from kelos.api.repository import parse_repository
from kelos.errors import UserError

USER = "x-access-token"  # what GitHub expects; a name in the URL wins

_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]+")


def helper_settings(repo: str, token: str | None = None) -> list[tuple[str, str]]:
    """Git settings that answer for this repository's host and for no other; `token` names a file to read.

    The first one drops every helper that was inherited. Other protocols than HTTP take no token.
    """
    settings = [("credential.helper", "")]
    try:
        found = parse_repository(repo)
    except UserError:
        return settings
    if found.scheme not in ("https", "http") or not _HOST.fullmatch(found.host):
        return settings
    # git hands the host on as the URL spells it.
    spelled = repo.partition("://")[2].partition("/")[0].rpartition("@")[2]
    hosts = sorted({found.host, spelled} if _HOST.fullmatch(spelled) else {found.host})
    source = _quoted(token) if token else f'"${{{names.ENV_TOKEN_FILE}:-}}"'
    fallback = "" if token else f"${{{names.ENV_GITHUB_TOKEN}:-}}"
    script = (
        '!f() { test "$1" = get || exit 0; p=; h=; '
        'while IFS= read -r l && test -n "$l"; do case "$l" in protocol=*) p=${l#*=};; host=*) h=${l#*=};; esac; done; '
        f'test "$p" = {found.scheme} || exit 0; case "$h" in {"|".join(map(_quoted, hosts))}) ;; *) exit 0;; esac; '
        f't={source}; if test -r "$t"; then t=$(cat "$t"); else t="{fallback}"; fi; '
        'test -z "$t" || printf "password=%s\\n" "$t"; }; f'
    )
    return [*settings, ("credential.helper", script), (f"credential.{found.scheme}://{found.host}.username", USER)]


def as_arguments(settings: list[tuple[str, str]]) -> list[str]:
    """The settings for one command line."""
    return [word for name, value in settings for word in ("-c", f"{name}={value}")]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

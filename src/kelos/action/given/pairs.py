"""Inputs that map names to values: variables, resources, labels. What may be a secret after all is never quoted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kelos.action.given.parsers import names
from kelos.api.checks import check_name, excerpt
from kelos.api.names import DOMAIN
from kelos.errors import UserError

Pairs = tuple[tuple[str, str], ...]
Triples = tuple[tuple[str, str, str], ...]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OURS = "KELOS_"
SECRET_WORDS = {
    *("APIKEY", "CREDENTIAL", "CREDENTIALS", "PASS", "PASSPHRASE", "PASSWD", "PASSWORD"),
    *("PAT", "PWD", "SECRET", "SECRETS", "TOKEN"),
}
SECRET_VALUE = re.compile(
    r"gh[a-z]_|github_pat_|glpat-|sk-|xox[a-z]-|AKIA|AIza|-----BEGIN|[a-z0-9+]+://[^/\s]*:[^/\s]*@"
)
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII)
RESOURCE = re.compile(r"(?:(requests|limits)\.)?([a-z0-9][-a-z0-9.]*(?:/[A-Za-z0-9][-A-Za-z0-9_.]*)?)", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)


def variables(text: str, name: str) -> Pairs:
    """`NAME=value`, one to a line; a name or a value that looks like a secret is refused."""
    found = _distinct(_lines(text, name), name)
    for variable, value in found:
        _check_variable(variable, name)
        if _is_secret(variable, value):
            raise UserError(
                f"The input `{name}` sets {variable}, which looks like a secret, and whoever may read the Task would "
                "see it: name a key of a Secret with `secret-env`, or put it into a task-file if it is harmless"
            )
    return found


def secret_variables(text: str, name: str) -> Triples:
    """`NAME=secret/key`: a variable, a Secret of the Task's namespace, and a key of it."""
    found = []
    for variable, where in _distinct(_words(text, name), name):
        _check_variable(variable, name)
        secret, slash, key = where.partition("/")
        if not slash or not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
            raise UserError(f"The input `{name}` does not say where {variable} is: write {variable}=secret/key")
        found.append((variable, check_name(secret, f"Secret of {variable}"), key))
    return tuple(found)


def resources(text: str, name: str) -> Triples:
    """`cpu=2` is request and limit alike; `requests.cpu=1` and `limits.cpu=2` tell them apart."""
    found: dict[tuple[str, str], str] = {}
    for word, quantity in _distinct(_words(text, name), name):
        match = RESOURCE.fullmatch(word)
        if match is None or not QUANTITY.fullmatch(quantity):
            said = excerpt(f"{word}={quantity}")
            raise UserError(f"The input `{name}` holds '{said}': write it like cpu=500m or limits.memory=4Gi")
        for part in (match[1],) if match[1] else ("requests", "limits"):
            if found.setdefault((part, match[2]), quantity) != quantity:
                raise UserError(f"The input `{name}` sets {part}.{match[2]} twice: leave out one of them")
    return tuple((part, resource, quantity) for (part, resource), quantity in found.items())


def node_selector(text: str, name: str) -> Pairs:
    """`key=value`: what the labels of a node must be."""
    return _labels(_words(text, name), name)


def task_labels(text: str, name: str) -> Pairs:
    """`key=value`, without those by which we find our own Tasks."""
    return _foreign(node_selector(text, name), name)


def task_annotations(text: str, name: str) -> Pairs:
    """`key=value`, one to a line, for a value may hold anything."""
    found = _distinct(_lines(text, name), name)
    for key, _ in found:
        _check_key(key, name)
    return _foreign(found, name)


def _lines(text: str, name: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise UserError(f"Line {number} of the input `{name}` has no '=': write it like NAME=value")
        yield key.strip(), value.rstrip("\r")


def _words(text: str, name: str) -> Iterator[tuple[str, str]]:
    for number, word in enumerate(names(text, name), start=1):
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise UserError(f"Word {number} of the input `{name}` has no value: write it like name=value")
        yield key, value


def _distinct(pairs: Iterator[tuple[str, str]], name: str) -> Pairs:
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            raise UserError(f"The input `{name}` sets '{excerpt(key)}' twice: leave out one of them")
        found[key] = value
    return tuple(found.items())


def _check_variable(variable: str, name: str) -> None:
    if not VARIABLE.fullmatch(variable):
        raise UserError(
            f"The input `{name}` sets '{excerpt(variable)}', which no shell could read: use letters, digits and '_'"
        )
    if variable.startswith(OURS):
        raise UserError(f"The input `{name}` sets {variable}: names that begin with {OURS} are Kelos' own")


def _is_secret(variable: str, value: str) -> bool:
    words = [word.upper() for word in re.split(r"_+|(?<=[a-z0-9])(?=[A-Z])", variable) if word]
    has_word = any(word in SECRET_WORDS for word in words) or words[-1:] == ["KEY"]
    return bool(value.strip()) and (has_word or SECRET_VALUE.match(value.strip()) is not None)


def _labels(pairs: Iterator[tuple[str, str]], name: str) -> Pairs:
    found = _distinct(pairs, name)
    for key, value in found:
        _check_key(key, name)
        if not _KEY.fullmatch(value):
            raise UserError(
                f"The value of '{excerpt(key)}' in the input `{name}` is no label: use at most 63 letters, digits, "
                "'-', '_' and '.', beginning and ending with a letter or digit"
            )
    return found


def _check_key(key: str, name: str) -> None:
    prefix, slash, rest = key.rpartition("/")
    if slash:
        check_name(prefix, f"What stands before the '/' in the input `{name}`,")
    if not _KEY.fullmatch(rest):
        raise UserError(
            f"The input `{name}` holds the key '{excerpt(key)}': use at most 63 letters, digits, '-', '_' and '.', "
            "after a domain and '/' if you like"
        )


def _foreign(pairs: Pairs, name: str) -> Pairs:
    for key, _ in pairs:
        prefix = key.rpartition("/")[0]
        if prefix == DOMAIN or prefix.endswith(f".{DOMAIN}"):
            raise UserError(f"The input `{name}` sets '{excerpt(key)}': what belongs to {DOMAIN} is Kelos' own")
    return pairs

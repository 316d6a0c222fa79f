"""Which form of an answer a client takes, and which form of a body it sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml

from kelos.local.server.http.protobuf import PROTOBUF, decode_protobuf
from kelos.local.server.refusals import bad_request, not_acceptable, unsupported_media_type

JSON = "application/json"
YAML = "application/yaml"
_JSON_TYPES = frozenset({"application/json", "*/*", "application/*", ""})


class Form(str, Enum):
    """What an object is shown as."""

    OBJECT = ""
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One media type of an Accept header with its parameters."""

    media_type: str
    parameters: dict[str, str]


class _Loader(yaml.CSafeLoader):
    """YAML as JSON sees it: what looks like a date stays a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def parse_accept(header: str) -> list[Accepted]:
    """The media types in the client's order."""
    found = []
    for part in header.split(","):
        media_type, *pairs = (piece.strip() for piece in part.split(";"))
        parameters = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        found.append(Accepted(media_type=media_type, parameters=parameters))
    return found


def choose_form(header: str) -> Form:
    """The first form that can be served. Raises not-acceptable when JSON is not among the accepted types."""
    for accepted in parse_accept(header):
        if accepted.media_type not in _JSON_TYPES:
            continue
        name = accepted.parameters.get("as", "").removesuffix("List")
        if name in (form.value for form in Form):
            return Form(name)
    raise not_acceptable([JSON])


def wants_aggregated_discovery(header: str) -> str | None:
    """The version of aggregated discovery that the client understands, if any."""
    for accepted in parse_accept(header):
        parameters = accepted.parameters
        if parameters.get("g") == "apidiscovery.k8s.io" and parameters.get("v") in ("v2", "v2beta1"):
            return parameters["v"]
    return None


def decode_body(raw: bytes, content_type: str) -> Any:
    """The decoded body. Raises bad-request when it cannot be read."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.endswith("yaml"):
        return _decode_yaml(raw)
    if media_type == JSON or media_type.endswith("+json") or not media_type:
        return _decode_json(raw)
    if media_type == PROTOBUF:
        return decode_protobuf(raw, [JSON, YAML])
    raise unsupported_media_type(media_type, [JSON, YAML])


def _decode_json(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not JSON: {error}") from None


def _decode_yaml(raw: bytes) -> Any:
    try:
        # Once through JSON: keys become texts, and what JSON cannot say is found.
        return json.loads(json.dumps(yaml.load(raw, Loader=_Loader), allow_nan=False))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise bad_request(f"the body is not YAML that JSON can express: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")

"""The table of built-in fields is a checked copy of what the official client knows."""

import pytest

from kelos.local.server.builtin.fields import decode
from kelos.local.server.refusals import Refusal

from .official_models import TABLE, render


def test_the_table_is_fresh() -> None:
    """After an upgrade of the client: `python tests/integration/local_server/official_models.py`."""
    assert render() == TABLE.read_text()


def test_unknown_fields_are_named_and_dropped() -> None:
    """As a typed server does; `fieldValidation` decides whether anybody hears of it."""
    decoded = decode({"spec": {"containers": [{"name": "a", "imgae": "b"}]}}, "Pod")

    assert {"spec": {"containers": [{"name": "a"}]}} == decoded.manifest
    assert ["spec.containers[0].imgae"] == decoded.unknown


def test_null_is_absent() -> None:
    """Clients send null for what they do not set."""
    assert {"spec": {}} == decode({"spec": {"nodeName": None}}, "Pod").manifest


@pytest.mark.parametrize(
    ("pod", "place"),
    [
        ({"spec": []}, "spec"),
        ({"spec": {"containers": {}}}, "spec.containers"),
        ({"spec": {"containers": ["a"]}}, "spec.containers[0]"),
        ({"spec": {"hostNetwork": "yes"}}, "spec.hostNetwork"),
        ({"spec": {"priority": True}}, "spec.priority"),
        ({"spec": {"containers": [{"env": [{"name": "A", "value": 1}]}]}}, "spec.containers[0].env[0].value"),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(pod: dict[str, object], place: str) -> None:
    """People look there."""
    with pytest.raises(Refusal, match=rf"decoded: {place.replace('[', chr(92) + '[')} must be"):
        decode(pod, "Pod")


def test_a_quantity_may_be_a_number() -> None:
    """`cpu: 1` is what everybody writes."""
    pod = {"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": 1}}}]}}

    assert {"cpu": "1"} == decode(pod, "Pod").manifest["spec"]["containers"][0]["resources"]["requests"]

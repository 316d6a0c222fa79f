"""The laws of patches and of server-side apply, held against many small objects."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.local.server.builtin.shapes import POD
from kelos.local.server.merging.field_set import decode_fields, difference, encode_fields, fields_of
from kelos.local.server.merging.json_patch import PatchError, apply_json_patch
from kelos.local.server.merging.merge_patch import apply_merge_patch
from kelos.local.server.merging.ownership import Owners, after_update, applier, apply_config, updater
from kelos.local.server.merging.shape import ANY, METADATA, SET, keyed, struct
from kelos.local.server.merging.strategic import apply_strategic_patch

SHAPE = struct(
    metadata=METADATA,
    spec=struct(ports=keyed("name", "protocol", protocol="TCP"), tags=SET, items=ANY),
)

names = st.sampled_from(["a", "b", "c"])
scalars = st.one_of(st.integers(0, 3), names, st.booleans())
trees = st.recursive(scalars, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=6)
ports = st.lists(
    st.fixed_dictionaries(
        {"name": names}, optional={"number": st.integers(1, 3), "opts": st.dictionaries(names, scalars)}
    ),
    unique_by=lambda port: port["name"],
    max_size=3,
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "ports": ports,
        "tags": st.lists(names, unique=True, max_size=3),
        "items": st.lists(scalars, max_size=2),
        "map": st.dictionaries(names, trees, max_size=3),
        "size": scalars,
    },
)
ME, YOU = applier("me", ""), applier("you", "")


def thing(spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}


def merged(live: dict[str, Any], spec: Any, owners: Owners, who: Any = ME) -> Any:
    return apply_config(live, thing(spec), SHAPE, owners, who, "now")


def born(spec: Any, who: Any = ME) -> Any:
    return apply_config({"metadata": {"name": "x"}}, thing(spec), SHAPE, {}, who, "now")


def canonical(value: Any) -> Any:
    """Without what nobody can own: empty maps and lists. Sets and keyed lists have no order that counts."""
    if isinstance(value, dict):
        kept = {key: canonical(child) for key, child in value.items()}
        return {key: child for key, child in kept.items() if child not in ({}, [])}
    if isinstance(value, list):
        return sorted((canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


@given(spec=specs)
def test_applying_twice_changes_nothing(spec: Any) -> None:
    """A pipeline that applies the same file all day writes nothing."""
    first = born(spec)
    second = merged(first.manifest, spec, first.owners)

    assert (first.manifest, first.owners) == (second.manifest, second.owners)
    assert not second.disputes


@given(spec=specs, other=specs)
def test_the_last_wish_of_a_single_owner_is_the_object(spec: Any, other: Any) -> None:
    """What was wished before and is no longer wished goes away."""
    first = born(spec)
    second = merged(first.manifest, other, first.owners)

    assert canonical(other) == canonical(second.manifest.get("spec", {}))


@given(mine=specs, yours=specs)
def test_an_applier_that_agrees_is_no_conflict_and_leaves_without_a_trace(mine: Any, yours: Any) -> None:
    """Who forces his wish in and takes it back leaves what the other still wishes."""
    first = born(mine)
    both = merged(first.manifest, yours, first.owners, YOU)
    after = merged(both.manifest, mine, both.owners)  # I insist
    gone = merged(after.manifest, {}, after.owners, YOU)

    assert canonical(mine) == canonical(gone.manifest.get("spec", {}))
    assert not merged(gone.manifest, mine, gone.owners).disputes


@given(mine=specs, yours=specs)
def test_disputes_are_exactly_the_owned_fields_that_would_change(mine: Any, yours: Any) -> None:
    """No field of another is changed without being named."""
    first = born(mine)
    second = merged(first.manifest, yours, first.owners, YOU)
    named = {dispute.path for dispute in second.disputes}
    changed = difference(first.manifest, second.manifest, SHAPE).changed

    mine_owned = first.owners[ME].fields if ME in first.owners else frozenset()
    assert mine_owned & changed == named


@given(spec=specs)
def test_a_field_set_survives_its_encoding(spec: Any) -> None:
    """managedFields are all that is kept of it."""
    fields = fields_of(thing(spec), SHAPE)

    assert fields == decode_fields(encode_fields(fields))


@given(old=specs, new=specs)
def test_an_updater_owns_what_it_changed(old: Any, new: Any) -> None:
    """An applier that wants one of these fields otherwise must hear of the updater."""
    before, after = thing(old), thing(new)
    who = updater("editor", "v1", "")
    owners = after_update(before, after, SHAPE, born(old).owners, who, "now")
    changed = difference(before, after, SHAPE).changed

    assert changed == (owners[who].fields if who in owners else frozenset())
    assert all(not (owned.fields & changed) for other, owned in owners.items() if other != who)


@given(document=trees, patch=trees)
def test_a_merge_patch_changes_no_argument(document: Any, patch: Any) -> None:
    """States are shared between watchers."""
    before = copy.deepcopy((document, patch))
    apply_merge_patch(document, patch)

    assert before == (document, patch)


@given(spec=specs, patch=specs)
def test_a_strategic_patch_changes_no_argument(spec: Any, patch: Any) -> None:
    """States are shared between watchers."""
    before = copy.deepcopy((spec, patch))
    apply_strategic_patch({"spec": spec}, {"spec": patch}, SHAPE)

    assert before == (spec, patch)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"spec": {"containers": [{"name": "a", "image": "new"}]}}, [("a", "new"), ("b", "2")]),
        ({"spec": {"containers": [{"name": "c", "image": "3"}]}}, [("a", "1"), ("b", "2"), ("c", "3")]),
        ({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}, [("b", "2")]),
        ({"spec": {"containers": [{"$patch": "replace"}, {"name": "c", "image": "3"}]}}, [("c", "3")]),
        ({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}, [("b", "2"), ("a", "1")]),
        ({"spec": {"$patch": "replace", "containers": [{"name": "z", "image": "9"}]}}, [("z", "9")]),
    ],
)
def test_strategic_patches_know_containers_by_name(patch: Any, expected: list[tuple[str, str]]) -> None:
    """A patch names what it changes, not the whole list."""
    pod = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}}

    patched = apply_strategic_patch(pod, patch, POD)

    assert expected == [(each["name"], each["image"]) for each in patched["spec"]["containers"]]


def test_a_strategic_patch_takes_items_out_of_a_set() -> None:
    """How kubectl removes one finalizer without knowing the others."""
    pod = {"metadata": {"finalizers": ["a", "b"]}}

    patched = apply_strategic_patch(pod, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, POD)

    assert ["b"] == patched["metadata"]["finalizers"]


def test_retained_keys_replace_the_kind_of_a_volume() -> None:
    """A volume has one source; the patch that changes it clears the other."""
    pod = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    volume = {"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}

    patched = apply_strategic_patch(pod, {"spec": {"volumes": [volume]}}, POD)

    assert [{"name": "v", "secret": {"secretName": "s"}}] == patched["spec"]["volumes"]


@pytest.mark.parametrize(
    "steps",
    [
        {},
        ["x"],
        [{"op": "add", "path": "/a"}],
        [{"op": "fly", "path": "/a"}],
        [{"op": "remove", "path": "a"}],
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "add", "path": "/list/9", "value": 1}],
        [{"op": "add", "path": "/list/01", "value": 1}],
        [{"op": "replace", "path": "/list/-", "value": 1}],
        [{"op": "test", "path": "/one", "value": True}],
        [{"op": "add", "path": "/one/deep", "value": 1}],
    ],
)
def test_a_broken_json_patch_is_refused_whole(steps: Any) -> None:
    """Never half done."""
    document = {"one": 1, "list": [1, 2]}

    with pytest.raises(PatchError):
        apply_json_patch(document, steps)

    assert {"one": 1, "list": [1, 2]} == document


def test_copies_of_a_patch_cannot_fill_the_memory() -> None:
    """Each may double the document: forty lines would be more than any machine has."""
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 40

    with pytest.raises(PatchError, match="its copies add more than"):
        apply_json_patch({"a": ["x"]}, doubling)

"""The marks of Tasks on a real API server: a submitter neither sets nor changes them, those who rely on them may."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.kinds import TASK, TASK_SPAWNER, Manifest
from kelos.install import policy, rbac
from kelos.spawning.hosting.rights import build_rights
from realcluster.client import Answer, Api
from realcluster.control_plane import ControlPlane
from realcluster.rights import await_rights
from realcluster.waiting import wait_for

pytestmark = pytest.mark.cluster

SUBMITTER, CONTROLLER, SPAWNER = "submitter", "controller", "spawner"
FORGED: dict[str, dict[str, Any]] = {
    "another place for reports": {"annotations": {names.ANNOTATION_SOURCE_REPOSITORY: "acme/other"}},
    "a report nobody asked for": {"annotations": {names.ANNOTATION_CHECKS: "enabled"}},
    "somebody's comment": {"annotations": {names.ANNOTATION_COMMENT_ID: "7"}},
    "an item that was not handled": {"annotations": {names.ANNOTATION_ITEM: '{"key":"7","trigger":""}'}},
    "the place of a spawner's Task": {"labels": {names.LABEL_SPAWNER: "bugs"}},
    "a Task of a TaskSpawner": {"ownerReferences": []},
    "one that never goes": {"finalizers": [names.FINALIZER_SPAWNED]},
}
HONEST = {
    "labels": {names.LABEL_RUN_ID: "1", "team": "shop"},
    "annotations": {names.ANNOTATION_SPEC_HASH: "1", names.ANNOTATION_LEASE: "{}", "shop.test/a": "b"},
    "finalizers": ["shop.test/kept"],
}
"""As the Action, and programs of others, write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace under the policy, with somebody of each kind and one TaskSpawner, `bugs`."""

    cluster: ControlPlane
    namespace: str
    owner: Manifest

    def acting(self, who: str) -> Api:
        """Nobody in particular is who runs the cluster."""
        return replace(
            self.cluster.api, headers={**self.cluster.api.headers, **({"Impersonate-User": who} if who else {})}
        )

    def forged(self, what: str) -> tuple[str, Manifest]:
        """The field, and metadata with it."""
        ((field, value),) = FORGED[what].items()
        return field, {field: value or [self.owner]}

    def create(self, who: str, meta: Manifest, name: str = "") -> Answer:
        """Without a name it only seems so."""
        body = make.task_manifest(timeoutSeconds=600)
        body["metadata"] = {"name": name or "none", **meta}
        return self.acting(who).post(TASK.path(self.namespace), body, **({} if name else {"dryRun": "All"}))

    def change(self, who: str, name: str, meta: Manifest) -> Answer:
        return self.acting(who).patch(TASK.path(self.namespace, name), {"metadata": meta}, dryRun="All")


@pytest.fixture(scope="module")
def place(real_cluster: ControlPlane) -> Place:
    for manifest in policy.build_policy():
        kind = {"ValidatingAdmissionPolicy": "policies"}.get(manifest["kind"], "policybindings")
        path = f"/apis/{policy.API_VERSION}/validatingadmission{kind}/{manifest['metadata']['name']}"
        real_cluster.api.apply(path, manifest, "tests", force=True).expect()
    namespace = real_cluster.create_namespace()
    label = {"metadata": {"labels": {policy.LABEL: policy.ENFORCED}}}
    real_cluster.api.patch(f"/api/v1/namespaces/{namespace}", label).expect()
    config, _, _ = policy.build_opt_in(namespace)
    real_cluster.api.post(f"/api/v1/namespaces/{namespace}/configmaps", config).expect()
    granted = {
        SUBMITTER: rbac.rules(policy.SUBMITTER_RULES),
        CONTROLLER: rbac.rules(),
        SPAWNER: build_rights(make.task_spawner("bugs"), None)[1]["rules"],
    }
    for who, rules in granted.items():
        grant(real_cluster, namespace, who, rules)
        await_rights(real_cluster.api, who, namespace, rules)
    spawner = make.task_spawner_manifest("bugs", suspend=True)
    spawner["metadata"].pop("namespace")
    made = real_cluster.api.post(TASK_SPAWNER.path(namespace), spawner).expect()
    owner = {name: made[name] for name in ("apiVersion", "kind")} | {"controller": True}
    owner |= {name: made["metadata"][name] for name in ("name", "uid")}
    found = Place(cluster=real_cluster, namespace=namespace, owner=owner)
    _, meta = found.forged("somebody's comment")
    wait_for("the policy to be in force", lambda: "rely on it" in str(found.create(SUBMITTER, meta).body))
    wait_for("the ConfigMap to be seen", lambda: found.create(SUBMITTER, {}).status == 201)
    return found


def grant(cluster: ControlPlane, namespace: str, who: str, rules: list[Manifest]) -> None:
    path = f"/apis/{rbac.API_VERSION}/namespaces/{namespace}"
    cluster.api.post(f"{path}/roles", {"metadata": {"name": who}, "rules": rules}).expect()
    binding = {
        "metadata": {"name": who},
        "roleRef": {"apiGroup": rbac.GROUP, "kind": "Role", "name": who},
        "subjects": [{"apiGroup": rbac.GROUP, "kind": "User", "name": who}],
    }
    cluster.api.post(f"{path}/rolebindings", binding).expect()


@pytest.mark.parametrize("what", FORGED)
def test_a_submitter_does_not_forge_marks(place: Place, what: str) -> None:
    """Neither on a new Task nor on one that is there; the field is named."""
    field, meta = place.forged(what)
    name = named("own", what)
    place.create(SUBMITTER, HONEST, name).expect()

    for answer in (place.create(SUBMITTER, meta), place.change(SUBMITTER, name, meta)):
        assert refuses(answer, field), answer.body["message"]


@pytest.mark.parametrize("what", FORGED)
def test_a_submitter_does_not_take_marks_away(place: Place, what: str) -> None:
    """A Task without its finalizer could be gone before its end is told."""
    field, meta = place.forged(what)
    place.create("", meta, named("marked", what)).expect()

    answer = place.change(SUBMITTER, named("marked", what), {field: None})

    assert refuses(answer, field), answer.body["message"]


def test_what_the_action_writes_is_free(place: Place) -> None:
    """On a Task with marks as well: whoever may patch it may cancel it."""
    for number, what in enumerate(FORGED):
        place.create("", place.forged(what)[1], f"free-{number}").expect()
    cancel = {"annotations": {names.ANNOTATION_CANCEL: "{}"}}

    assert 201 == place.create(SUBMITTER, HONEST).status
    assert [200] * len(FORGED) == [place.change(SUBMITTER, f"free-{n}", cancel).status for n in range(len(FORGED))]


@pytest.mark.parametrize("who", [CONTROLLER, SPAWNER])
@pytest.mark.parametrize("what", FORGED)
def test_those_who_rely_on_marks_write_them(place: Place, who: str, what: str) -> None:
    """With the rights that they are given, and no others."""
    field, meta = place.forged(what)
    owned = {"ownerReferences": [place.owner]}

    assert 201 == place.create(who, {**owned, **meta}, named(who, what)).status
    assert 200 == place.change(who, named(who, what), {field: None, **owned}).status


def test_the_process_of_a_spawner_marks_no_tasks_of_others(place: Place) -> None:
    """Its rights have a name."""
    assert refuses(place.create(SPAWNER, {"ownerReferences": [{**place.owner, "name": "another"}]}), "ownerReferences")


def refuses(answer: Answer, field: str) -> bool:
    """By our sentence; where the server guards owners, it may be quicker."""
    said = answer.body.get("message", "")
    return answer.status == 403 and (f"metadata.{field} '" in said or "cannot set an ownerRef" in said)


def named(prefix: str, what: str) -> str:
    return f"{prefix}-{re.sub('[^a-z]', '-', what.lower())}"

"""The admission policy for CI submitters on a real API server: what it lets through, and each refusal in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fakes.runner import Job
from kelos.api.kinds import TASK
from kelos.install import policy, rbac
from realcluster.control_plane import ControlPlane
from realcluster.submitters import submitter
from realcluster.waiting import wait_for

pytestmark = pytest.mark.cluster

REGISTRATION = f"/apis/{policy.API_VERSION}"
Spec = dict[str, Any]
BASE: Spec = {
    "prompt": "Fix the bug",
    "type": "claude-code",
    "credentials": {"type": "api-key", "secretRef": {"name": "key"}},
    "timeoutSeconds": 600,
}
"""A Task as the Action sends it."""


@pytest.fixture(scope="module")
def policed(real_cluster: ControlPlane) -> ControlPlane:
    """The policy, installed and in force."""
    plurals = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}
    for manifest in policy.build_policy():
        plural = plurals.get(manifest["kind"], "validatingadmissionpolicybindings")
        path = f"{REGISTRATION}/{plural}/{manifest['metadata']['name']}"
        real_cluster.api.apply(path, manifest, "tests", force=True).expect()
    opted_in(real_cluster)
    return real_cluster


def opted_in(cluster: ControlPlane, **allowed: str) -> str:
    """A namespace under the policy, which allows this beside the defaults."""
    namespace = cluster.create_namespace()
    label = {"metadata": {"labels": {policy.LABEL: policy.ENFORCED}}}
    cluster.api.patch(f"/api/v1/namespaces/{namespace}", label, "merge-patch+json").expect()
    config, limits, _ = policy.build_opt_in(namespace)
    cluster.api.post(f"/api/v1/namespaces/{namespace}/limitranges", limits).expect()
    config = {**config, "data": {**config["data"], **allowed}}
    cluster.api.post(f"/api/v1/namespaces/{namespace}/configmaps", config).expect()
    wait_for("the policy to be in force", lambda: _is_judged(said(cluster, namespace, image="x.test/evil")))
    return namespace


def _is_judged(words: str) -> bool:
    """Label and ConfigMap are seen one after the other, and late: until then all is let through, or nothing."""
    return bool(words) and "no params found" not in words


def said(cluster: ControlPlane, namespace: str, version: str = "v1alpha2", **spec: Any) -> str:
    """What the server says to a Task; nothing when it takes it. A field that is None is left out."""
    whole = {name: value for name, value in {**BASE, **spec}.items() if value is not None}
    task = {"apiVersion": f"kelos.dev/{version}", "kind": "Task", "metadata": {"name": "t"}, "spec": whole}
    path = f"/apis/kelos.dev/{version}/namespaces/{namespace}/tasks"
    answer = cluster.api.post(path, task, dryRun="All")
    return "" if answer.status < 300 else f"{answer.status} {answer.body['message']}"


@pytest.fixture(scope="module")
def namespace(policed: ControlPlane) -> str:
    """With the defaults."""
    return opted_in(policed)


def overrides(**fields: Any) -> Spec:
    return {"podOverrides": fields}


def env(**entry: Any) -> Spec:
    return overrides(env=[{"name": "A", **entry}])


def volume(**source: Any) -> Spec:
    return overrides(volumes=[{"name": "data", **source}])


def limits(**amounts: Any) -> Spec:
    return overrides(resources={"limits": {name.replace("_", "-"): amount for name, amount in amounts.items()}})


ACCEPTED: dict[str, Spec] = {
    "as the Action sends it": {},
    "the registry's image": {"image": "ghcr.io/kelos-dev/claude-code:v2"},
    "plain environment": env(value="b"),
    "an empty volume": {
        "podOverrides": {
            "volumes": [{"name": "data", "emptyDir": {}}],
            "volumeMounts": [{"name": "data", "mountPath": "/d"}],
        }
    },
    "resources below the caps": limits(cpu="500m", memory="1Gi", ephemeral_storage="1Gi"),
    "resources as numbers": limits(cpu=2, memory=1024),
    "resources at the caps": limits(cpu="4000m", memory="16Gi"),
    "the pod's deadline instead of a timeout": {"timeoutSeconds": None, **overrides(activeDeadlineSeconds=60)},
    "a retry": {"retries": 1},
    "another form": {
        "type": None,
        "credentials": None,
        "worker": {"type": "codex", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}},
    },
    "Workspace and AgentConfigs": {"workspaceRef": {"name": "repo"}, "agentConfigRefs": [{"name": "house"}]},
}

REFUSED: dict[str, tuple[Spec, str]] = {
    "a foreign image": ({"image": "evil.test/x:1"}, "spec.image 'evil.test/x:1' may not be used here: leave it out"),
    "a registry that only begins alike": (
        {"image": "ghcr.io/kelos-dev.evil/x"},
        "spec.image 'ghcr.io/kelos-dev.evil/x'",
    ),
    "a ServiceAccount": (
        overrides(serviceAccountName="admin"),
        "spec.podOverrides.serviceAccountName 'admin' may not be used here: leave it out; agents need none (none",
    ),
    "a Secret's value in the environment": (
        env(valueFrom={"secretKeyRef": {"name": "db", "key": "password"}}),
        "spec.podOverrides.env 'A' may not take its value from elsewhere: write the value",
    ),
    "a ConfigMap's value": (
        env(valueFrom={"configMapKeyRef": {"name": "db", "key": "a"}}),
        "spec.podOverrides.env 'A' may not take",
    ),
    "a folder of the host": (
        volume(hostPath={"path": "/"}),
        "spec.podOverrides.volumes 'data' may only be an emptyDir",
    ),
    "a Secret as a volume": (volume(secret={"secretName": "db"}), "spec.podOverrides.volumes 'data'"),
    "a token as a volume": (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "t"}}]}),
        "spec.podOverrides.volumes 'data'",
    ),
    "a claim": (volume(persistentVolumeClaim={"claimName": "db"}), "spec.podOverrides.volumes 'data'"),
    "a driver": (volume(csi={"driver": "host.test"}), "spec.podOverrides.volumes 'data'"),
    "a server": (volume(nfs={"server": "a", "path": "/"}), "spec.podOverrides.volumes 'data'"),
    "two sources": (volume(emptyDir={}, hostPath={"path": "/"}), "spec.podOverrides.volumes 'data'"),
    "a privileged container": (
        overrides(containerSecurityContext={"privileged": True}),
        "spec.podOverrides.containerSecurityContext may not be set here: leave it out",
    ),
    "root": (
        overrides(podSecurityContext={"runAsUser": 0}),
        "spec.podOverrides.podSecurityContext may not be set here",
    ),
    "another container": (
        overrides(extraContainers=[{"name": "db", "image": "postgres"}]),
        "spec.podOverrides.extraContainers may not be set",
    ),
    "an init container": (
        overrides(extraInitContainers=[{"name": "db", "image": "postgres"}]),
        "spec.podOverrides.extraInitContainers may",
    ),
    "labels that a Service selects": (
        overrides(labels={"app": "shop"}),
        "spec.podOverrides.labels may not be set here",
    ),
    "a node": (overrides(nodeSelector={"a": "b"}), "spec.podOverrides.nodeSelector may not be set here"),
    "tolerations": (
        overrides(tolerations=[{"operator": "Exists"}]),
        "spec.podOverrides.tolerations may not be set here",
    ),
    "affinity": (overrides(affinity={}), "spec.podOverrides.affinity may not be set here"),
    "pull Secrets": (
        overrides(imagePullSecrets=[{"name": "a"}]),
        "spec.podOverrides.imagePullSecrets may not be set here",
    ),
    "too much memory": (
        limits(memory="17Gi"),
        "spec.podOverrides.resources.limits.memory is more than a Task may ask for",
    ),
    "too much cpu as a number": (limits(cpu=5), "spec.podOverrides.resources.limits.cpu is more"),
    "a request over the cap": (
        overrides(resources={"requests": {"cpu": "4001m"}}),
        "spec.podOverrides.resources.requests.cpu is more",
    ),
    "a device": (
        overrides(resources={"limits": {"nvidia.com/gpu": 1}}),
        "spec.podOverrides.resources.limits.nvidia.com/gpu is more",
    ),
    "a claim of devices": (
        overrides(resources={"claims": [{"name": "gpu"}]}),
        "spec.podOverrides.resources.claims is more",
    ),
    "no number": (limits(cpu="many"), "spec.podOverrides.resources.limits.cpu is more"),
    "no limit of time": (
        {"timeoutSeconds": None},
        "spec.timeoutSeconds, or podOverrides.activeDeadlineSeconds, must be set and not be too long here: at most 72",
    ),
    "too long": ({"timeoutSeconds": 7201}, "spec.timeoutSeconds, or podOverrides.activeDeadlineSeconds"),
    "too long a deadline": (overrides(activeDeadlineSeconds=7201), "at most 7200 (key 'maxTimeoutSeconds'"),
    "a deadline in the place that does not count": (
        {
            "timeoutSeconds": None,
            "type": None,
            "credentials": None,
            **overrides(activeDeadlineSeconds=60),
            "worker": {"type": "demo", "credentials": {"type": "none"}, "podOverrides": {"env": []}},
        },
        "must be set",
    ),
    "too long a start": ({"startTimeoutSeconds": 3601}, "spec.startTimeoutSeconds is too long here: at most 3600"),
    "too many retries": ({"retries": 2}, "spec.retries is too many here: at most 1 (key 'maxRetries'"),
    "a failure policy": (
        {"podFailurePolicy": {"rules": []}},
        "spec.podFailurePolicy may not be set here: leave it out and use spec.retries",
    ),
}


@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha2"])
@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED)
def test_ordinary_tasks_pass(policed: ControlPlane, namespace: str, spec: Spec, version: str) -> None:
    """A policy that is in the way is switched off."""
    assert "" == said(policed, namespace, version, **spec)


@pytest.mark.parametrize(("spec", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_reaches_too_far_is_refused_by_field(
    policed: ControlPlane, namespace: str, spec: Spec, sentence: str
) -> None:
    """403, the field, and what to do instead."""
    words = said(policed, namespace, **spec)

    assert ("403", True) == (words[:3], sentence in words), words


WORKER = {"type": "demo", "credentials": {"type": "none"}}


@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha2"])
@pytest.mark.parametrize(
    ("worker", "sentence"),
    [
        ({"image": "evil.test/x"}, "spec.worker.image 'evil.test/x'"),
        (overrides(serviceAccountName="admin"), "spec.worker.podOverrides.serviceAccountName 'admin'"),
        (volume(hostPath={"path": "/"}), "spec.worker.podOverrides.volumes 'data'"),
        (env(valueFrom={"fieldRef": {"fieldPath": "spec.nodeName"}}), "spec.worker.podOverrides.env 'A'"),
        (overrides(containerSecurityContext={}), "spec.worker.podOverrides.containerSecurityContext"),
        (limits(cpu=100), "spec.worker.podOverrides.resources.limits.cpu"),
        (overrides(activeDeadlineSeconds=7201), "at most 7200"),
    ],
)
def test_worker_is_no_way_around(
    policed: ControlPlane, namespace: str, worker: Spec, sentence: str, version: str
) -> None:
    """A Task may say everything in two places."""
    assert sentence in said(policed, namespace, version, type=None, credentials=None, worker={**WORKER, **worker})


def test_a_namespace_may_allow_more_and_less(policed: ControlPlane) -> None:
    """One ConfigMap, no new policy."""
    namespace = opted_in(
        policed,
        images="team.test/agents/*, docker.test/one:1",
        serviceAccounts="deployer",
        credentialSecrets="anthropic\nopenai",
        workspaces="shop*",
        agentConfigs="house",
        podOverrides="extraContainers, env, resources, labels, containerSecurityContext",
        maxTimeoutSeconds="100000",
        maxRetries="5",
        maxCpu="64",
    )
    good = {"credentials": {"type": "api-key", "secretRef": {"name": "openai"}}}
    database = {"name": "db", "image": "docker.test/one:1", "env": [{"name": "A", "value": "b"}]}
    accepted: list[Spec] = [
        {"image": "team.test/agents/a:1"},
        {"image": "docker.test/one:1"},
        overrides(serviceAccountName="deployer"),
        {"workspaceRef": {"name": "shop-web"}},
        {"agentConfigRef": {"name": "house"}},
        {"timeoutSeconds": 100_000, "retries": 5},
        limits(cpu=64),
        overrides(labels={"a": "b"}),
        overrides(extraContainers=[database]),
    ]
    refused: list[tuple[Spec, str]] = [
        (
            {"image": "docker.test/one:2"},
            "allowed: team.test/agents/*, docker.test/one:1; key 'images' of the ConfigMap",
        ),
        ({"credentials": {"type": "api-key", "secretRef": {"name": "prod"}}}, "spec.credentials.secretRef.name 'prod'"),
        ({"workspaceRef": {"name": "other"}}, "spec.workspaceRef.name 'other'"),
        ({"agentConfigRef": {"name": "other"}}, "spec.agentConfigRef 'other'"),
        ({"agentConfigRefs": [{"name": "house"}, {"name": "other"}]}, "spec.agentConfigRefs 'other'"),
        (overrides(volumes=[{"name": "a", "emptyDir": {}}]), "spec.podOverrides.volumes may not be set here"),
        (
            overrides(containerSecurityContext={"privileged": True}),
            "spec.podOverrides.containerSecurityContext may not",
        ),
    ]
    refused += [
        (overrides(extraContainers=[{**database, **more}]), "spec.podOverrides container 'db' asks for too much")
        for more in (
            {"image": "evil.test/x"},
            {"image": ""},
            {"securityContext": {"privileged": True}},
            {"envFrom": [{"secretRef": {"name": "a"}}]},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]},
            {"ports": [{"containerPort": 1, "hostPort": 1}]},
            {"resources": {"limits": {"memory": "17Gi"}}},
            {"volumeDevices": [{"name": "a", "devicePath": "/dev/a"}]},
            {"lifecycle": {"postStart": {"httpGet": {"host": "10.0.0.1", "port": 1}}}},
        )
    ]

    assert [] == [spec for spec in accepted if said(policed, namespace, **{**good, **spec})]
    assert [] == [spec for spec, sentence in refused if sentence not in said(policed, namespace, **{**good, **spec})]


def test_a_name_with_line_ends_is_refused_without_quoting_it(policed: ControlPlane, namespace: str) -> None:
    """It could write lines of its own into somebody's log."""
    words = said(policed, namespace, image="evil.test/x\n::error::forged")

    assert "The Task names an image that may not be used here" in words
    assert "forged" not in words


def test_an_empty_config_map_means_the_defaults(policed: ControlPlane) -> None:
    """Nothing is open because somebody forgot a key."""
    namespace = opted_in(policed)
    path = f"/api/v1/namespaces/{namespace}/configmaps/{policy.PARAMETERS}"
    policed.api.patch(path, {"data": None}, "merge-patch+json").expect()

    assert "" == said(policed, namespace)
    assert "ghcr.io/kelos-dev/*" in said(policed, namespace, image="evil.test/x")


def test_without_its_config_map_a_namespace_takes_no_task(policed: ControlPlane) -> None:
    """Closed, not open, when half of it is missing."""
    namespace = opted_in(policed)
    policed.api.delete(f"/api/v1/namespaces/{namespace}/configmaps/{policy.PARAMETERS}").expect()

    wait_for("the ConfigMap to be missed", lambda: "no params found" in said(policed, namespace))


def test_nobody_is_bound_who_did_not_opt_in(policed: ControlPlane, real_namespace: str) -> None:
    assert "" == said(policed, real_namespace, image="evil.test/x", timeoutSeconds=None)


def test_what_the_policy_lets_through_later_may_still_be_changed(policed: ControlPlane) -> None:
    """A Task from before the policy can be cancelled and deleted: only creating is judged."""
    namespace = policed.create_namespace()
    task = {
        "apiVersion": TASK.api_version,
        "kind": "Task",
        "metadata": {"name": "t"},
        "spec": {**BASE, "image": "a.test/b"},
    }
    policed.api.post(TASK.path(namespace), task).expect()
    label = {"metadata": {"labels": {policy.LABEL: policy.ENFORCED}}}
    policed.api.patch(f"/api/v1/namespaces/{namespace}", label, "merge-patch+json").expect()
    wait_for("the policy to be in force", lambda: said(policed, namespace))

    body = {"metadata": {"annotations": {"kelos.dev/cancel-requested": "{}"}}}
    policed.api.patch(TASK.path(namespace, "t"), body, "merge-patch+json").expect()
    policed.api.delete(TASK.path(namespace, "t")).expect()


class TestWhoSubmits:
    """A ServiceAccount with the Role that is shipped, and nothing else."""

    def kubeconfig(self, cluster: ControlPlane, namespace: str, folder: Path) -> str:
        return submitter(cluster, namespace, rbac.rules(policy.SUBMITTER_RULES), folder)

    def test_the_action_ends_with_3_and_the_sentence(self, policed: ControlPlane, tmp_path: Path) -> None:
        namespace = opted_in(policed)
        kubeconfig = self.kubeconfig(policed, namespace, tmp_path)
        inputs = {"prompt": "x", "credentials-secret": "key", "kubeconfig": kubeconfig, "image": "evil.test/x"}

        result = Job(tmp_path, env={"GITHUB_RUN_ID": "1"}).use(with_=inputs)

        assert (3, "policy-denied") == (result.code, result.outputs["failure-reason"]), result.log
        assert "spec.image 'evil.test/x' may not be used here: leave it out" in result.outputs["message"]

    def test_kelos_run_ends_with_3_and_the_sentence(self, policed: ControlPlane, tmp_path: Path) -> None:
        namespace = opted_in(policed)
        (file := tmp_path / "kubeconfig").write_text(self.kubeconfig(policed, namespace, tmp_path))
        kelos = [sys.executable, "-P", "-m", "kelos", "--kubeconfig", str(file), "run", "-p", "x", "--timeout", "10m"]

        refused = run([*kelos, "--secret", "key", "--image", "evil.test/x"], tmp_path)
        accepted = run([*kelos, "--secret", "key", "--name", "good"], tmp_path)

        assert 3 == refused.returncode, refused.stderr
        assert "spec.image 'evil.test/x' may not be used here: leave it out, or use an allowed one" in refused.stderr
        assert "ask whoever runs the cluster" not in refused.stderr
        assert (0, "task/good created\n") == (accepted.returncode, accepted.stdout), accepted.stderr


def run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Without anybody's own config file."""
    where = {"HOME": str(home), "PATH": os.defpath}
    return subprocess.run(command, env=where, capture_output=True, text=True, timeout=120, check=False)

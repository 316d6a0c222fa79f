"""A real node seen from outside: what every Task relies on."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from realcluster.namespaces import NAMESPACES
from realcluster.waiting import wait_for
from realnode.fixtures import Cluster

from .pods import Pods

RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture
def pods(node: Cluster, node_namespace: str, busybox: str) -> Pods:
    return Pods(node.api, node_namespace, busybox)


def test_an_exit_code_and_a_message_come_back(pods: Pods) -> None:
    """This is how a Task's outcome leaves its pod."""
    pods.start(pods.spec("echo '{\"ok\": false}' > /dev/termination-log; exit 3"))

    ended = pods.end()

    assert (3, '{"ok": false}\n') == (ended["exitCode"], ended["message"])


def test_logs_are_followed_while_they_are_written(pods: Pods, node: Cluster, kubectl: Path) -> None:
    """The first line arrives before the last one exists, and the stream ends with the container."""
    pods.start(pods.spec("echo first; while ! test -e /tmp/go; do sleep 0.1; done; echo last"))
    pods.await_log("first")
    command = [str(kubectl), f"--kubeconfig={node.kubeconfig}", f"--namespace={pods.namespace}"]

    with subprocess.Popen([*command, "logs", "--follow", "pod"], stdout=subprocess.PIPE, text=True) as logs:
        assert logs.stdout is not None
        first = logs.stdout.readline()
        subprocess.run([*command, "exec", "pod", "--", "touch", "/tmp/go"], check=True)
        rest = logs.stdout.read()

    assert ("first\n", "last\n") == (first, rest)


def test_an_init_container_prepares_files(pods: Pods) -> None:
    """A workspace is cloned by one container and used by the next."""
    mount: dict[str, Any] = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    first = pods.container("echo prepared > /work/file", "clone", **mount)
    main = pods.container("cat /work/file", **mount)
    volumes = [{"name": "work", "emptyDir": {}}]
    pods.start(pods.spec("", initContainers=[first], containers=[main], volumes=volumes))

    assert 0 == pods.end()["exitCode"]
    assert "prepared\n" == pods.log()


def test_a_sidecar_ends_with_the_main_container(pods: Pods) -> None:
    """A helper that runs for ever does not keep a Task alive."""
    helper = pods.container("trap 'exit 0' TERM; while true; do sleep 0.1; done", "helper", restartPolicy="Always")
    pods.start(pods.spec("sleep 1", initContainers=[helper]))

    assert 0 == pods.end()["exitCode"]
    assert "Succeeded" == pods.get()["status"]["phase"]


def test_a_job_completes(pods: Pods) -> None:
    """Controllers, scheduler and node work together."""
    jobs = f"/apis/batch/v1/namespaces/{pods.namespace}/jobs"
    pods.api.post(jobs, {"metadata": {"name": "job"}, "spec": {"template": {"spec": pods.spec("exit 0")}}}).expect()

    def is_complete() -> bool:
        conditions = pods.api.get(f"{jobs}/job").expect()["status"].get("conditions", [])
        return any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)

    wait_for("the Job to complete", is_complete, 60)


def test_a_process_is_told_to_end_and_given_time(pods: Pods) -> None:
    """A cancelled agent can still report: it sees SIGTERM, and lives on within its grace period."""
    told = "sleep 1; echo done > /dev/termination-log; exit 7"
    script = f"trap '{told}' TERM; echo up; while true; do sleep 0.1; done"
    spec = pods.spec(script, terminationGracePeriodSeconds=20)
    pods.start(spec, finalizers=("kelos.test/look",))
    pods.await_log("up")

    pods.api.delete(f"{pods.path}/pod").expect()
    ended = pods.end()
    pods.api.patch(f"{pods.path}/pod", {"metadata": {"finalizers": None}}).expect()

    assert (7, "done\n") == (ended["exitCode"], ended["message"])


def test_a_process_that_does_not_listen_is_killed_after_its_grace(pods: Pods) -> None:
    """No agent can refuse to go."""
    pods.start(pods.spec("trap '' TERM; echo up; while true; do sleep 0.1; done"), finalizers=("kelos.test/look",))
    pods.await_log("up")

    pods.api.delete(f"{pods.path}/pod").expect()
    ended = pods.end()
    pods.api.patch(f"{pods.path}/pod", {"metadata": {"finalizers": None}}).expect()

    assert 137 == ended["exitCode"]


def test_a_restricted_namespace_runs_what_is_restricted(pods: Pods) -> None:
    """Pod Security lets a pod without rights run, and no other."""
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    pods.api.patch(f"{NAMESPACES}/{pods.namespace}", level).expect()

    refused = pods.api.post(pods.path, {"metadata": {"name": "free"}, "spec": pods.spec("id -u")})
    pods.start(pods.spec("", containers=[pods.container("id -u", securityContext=RESTRICTED)]))

    assert 403 == refused.status
    assert (0, "1000\n") == (pods.end()["exitCode"], pods.log())


def test_a_service_is_reached_by_its_address(pods: Pods) -> None:
    """kube-proxy leads from a Service to the pod behind it."""
    server = "mkdir /tmp/www; echo hello > /tmp/www/index.html; httpd -p 8080 -h /tmp/www; echo up; sleep 600"
    pods.start(pods.spec(server), "server", labels={"app": "server"})
    pods.await_log("up", "server")
    service = {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]}
    path = f"/api/v1/namespaces/{pods.namespace}/services"
    address = pods.api.post(path, {"metadata": {"name": "web"}, "spec": service}).expect()["spec"]["clusterIP"]

    ask = (
        f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} 80 | grep hello"  # a static wget cannot look up names
    )
    pods.start(pods.spec(f"for i in $(seq 50); do {ask} && exit 0; sleep 0.2; done; exit 1"))

    assert (0, "hello\n") == (pods.end()["exitCode"], pods.log())


def test_a_pod_reaches_the_api_server(pods: Pods) -> None:
    """Inside a pod the server answers at the address Kubernetes gives it; the account's token is there."""
    script = (
        "cd /var/run/secrets/kubernetes.io/serviceaccount; test -s token && test -s ca.crt && "
        "nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT < /dev/null"
    )
    pods.start(pods.spec(script))

    assert 0 == pods.end()["exitCode"]

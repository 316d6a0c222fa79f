"""Signing in at a real kube-apiserver as GitHub knows us: no secret anywhere, and a wait longer than a token."""

import base64
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from fakes.github import REQUEST_TOKEN, FakeGitHub, Reply, fake_github
from fakes.runner import Job
from kelos.api.kinds import TASK
from kelos.api.names import ANNOTATION_LEASE
from realcluster.binaries import Binaries
from realcluster.control_plane import ControlPlane
from realcluster.fake_node import FakeNode
from realcluster.pki import Pki, create_pki

pytestmark = pytest.mark.cluster

AUDIENCE = "kelos"
LIFE_SECONDS = 8.0
DONE = {
    "phase": "Succeeded",
    "message": "The agent ended normally",
    "results": {"branch": "b"},
    "conditions": [
        {
            "type": "Succeeded",
            "status": "True",
            "reason": "Done",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}
PAPER = Path(__file__).parents[3] / "docs/sign-in.md"


def papers() -> list[dict]:
    """The Kubernetes documents of the guide, which this file so proves."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAPER.read_text(), re.MULTILINE | re.DOTALL)
    return [document for block in blocks for document in yaml.safe_load_all(block) if "kind" in document]


def authentication(issuer: str, authority: Path) -> dict:
    """The guide's configuration, for our issuer."""
    (found,) = [document for document in papers() if document["kind"] == "AuthenticationConfiguration"]
    found["jwt"][0]["issuer"] |= {"url": issuer, "certificateAuthority": authority.read_text()}
    return found


@dataclass
class Site:
    """A GitHub, and a cluster that believes it."""

    github: FakeGitHub
    cluster: ControlPlane
    pki: Pki

    def job(self, folder: Path) -> Job:
        env = {**self.github.env, "SSL_CERT_FILE": str(self.pki.authority.certificate), "GITHUB_RUN_ID": folder.name}
        return Job(folder, env=env)

    def inputs(self, namespace: str) -> dict[str, str]:
        return {
            "prompt": "Fix the bug",
            "credentials-secret": "claude",
            "server": self.cluster.site.server_url,
            "ca": base64.b64encode(self.cluster.site.pki.authority.certificate.read_bytes()).decode(),
            "oidc-audience": AUDIENCE,
            "namespace": namespace,
        }


@pytest.fixture(scope="module")
def site(cluster_binaries: Binaries, cluster_crds: list, tmp_path_factory) -> Iterator[Site]:
    pki = create_pki(tmp_path_factory.mktemp("github") / "pki", datetime.now(timezone.utc))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.server.certificate, pki.server.key)
    with fake_github(context) as github:
        trusted = authentication(github.url, pki.authority.certificate)
        with ControlPlane.start(cluster_binaries, cluster_crds, authentication=trusted) as cluster:
            FakeNode(cluster.api).register()
            yield Site(github=github, cluster=cluster, pki=pki)


@pytest.fixture
def namespace(site: Site) -> str:
    """One in which the group of acme's repositories may do what the Action needs."""
    name = site.cluster.create_namespace()
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
    for document in papers():
        if document["kind"] in ("Role", "RoleBinding"):
            site.cluster.api.post(f"{rbac}/{document['kind'].lower()}s", document).expect(201)
    return name


def finish_after_renewals(cluster: ControlPlane, namespace: str, count: int) -> threading.Thread:
    """A controller that lets the Task succeed once the step has renewed its lease that often."""
    path = TASK.path(namespace)
    version = cluster.api.get(path).expect(200)["metadata"]["resourceVersion"]

    def run() -> None:
        with cluster.api.watch(path, resourceVersion=version) as changes:
            task = changes.until("ADDED")[-1]["object"]
            name = task["metadata"]["name"]
            cluster.api.patch(f"{path}/{name}/status", {"status": {"phase": "Running"}}).expect(200)
            while f'"count": {count}' not in task["metadata"]["annotations"].get(ANNOTATION_LEASE, ""):
                task = changes.until("MODIFIED")[-1]["object"]
        cluster.api.patch(f"{path}/{name}/status", {"status": DONE}).expect(200)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_wait_outlives_many_tokens(site: Site, namespace: str, tmp_path: Path):
    """A token lives 8 seconds here and 5 minutes at GitHub; the fourth renewal of the lease comes after 20."""
    site.github.life_seconds, before = LIFE_SECONDS, site.github.minted
    thread = finish_after_renewals(site.cluster, namespace, 4)

    result = site.job(tmp_path).use(with_={**site.inputs(namespace), "lease": "30s"})

    thread.join(60)
    assert (0, "success", "b") == (result.code, result.outputs["conclusion"], result.outputs["branch"]), result.log
    assert site.github.minted - before >= 3
    assert "warning" not in result.log
    assert REQUEST_TOKEN not in result.log
    assert "eyJ" not in result.log
    (task,) = site.cluster.api.get(TASK.path(namespace)).expect(200)["items"]
    assert result.outputs["task-uid"] == task["metadata"]["uid"]
    assert "eyJ" not in str(task)


def test_a_token_that_ends_before_its_time_is_replaced(site: Site, namespace: str, tmp_path: Path):
    """By its own words it lives 5 minutes; the server's clock is ahead and refuses it after seconds."""
    site.github.life_seconds, before = 300.0, site.github.minted
    site.github.ages = [300.0 - LIFE_SECONDS]
    thread = finish_after_renewals(site.cluster, namespace, 5)

    result = site.job(tmp_path).use(with_={**site.inputs(namespace), "lease": "30s"})

    thread.join(60)
    assert (0, "success", "b") == (result.code, result.outputs["conclusion"], result.outputs["branch"]), result.log
    assert 2 == site.github.minted - before


def test_a_hiccup_of_github_is_borne(site: Site, namespace: str, tmp_path: Path):
    """It has bad seconds every day, and the step has not even begun."""
    site.github.replies = [Reply(503), Reply(drop=True)]

    result = site.job(tmp_path).use(with_={**site.inputs(namespace), "wait": "false"})

    assert (0, "detached", "true") == (result.code, result.outputs["conclusion"], result.outputs["created"]), result.log


@pytest.mark.parametrize("wrong", [{"aud": "another"}, {"repository_owner": "mallory"}, {"exp": 1}])
def test_a_token_that_the_server_does_not_take(site: Site, namespace: str, tmp_path: Path, wrong: dict):
    """The sentence says where the operator looks."""
    site.github.claims, kept = {**site.github.claims, **wrong}, site.github.claims
    try:
        result = site.job(tmp_path).use(with_=site.inputs(namespace))
    finally:
        site.github.claims = kept

    assert (3, "failure", "not-authorized") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    ), result.log
    assert "check issuer, audience 'kelos' and claims in the API server's authentication" in result.outputs["message"]
    assert [] == site.cluster.api.get(TASK.path(namespace)).expect(200)["items"]


def test_a_repository_without_the_right(site: Site, tmp_path: Path):
    """Known is not allowed: RBAC decides, by the names that the claims were mapped to."""
    result = site.job(tmp_path).use(with_=site.inputs(site.cluster.create_namespace()))

    assert (3, "not-authorized") == (result.code, result.outputs["failure-reason"])
    assert 'User "github:acme/widgets" cannot create resource "tasks"' in result.outputs["message"]


def test_the_reaper_signs_in_by_itself(site: Site, namespace: str, tmp_path: Path):
    """It is another process, and comes when the step's tokens have long expired."""
    job = site.job(tmp_path)
    killed = threading.Event()
    path = TASK.path(namespace)
    version = site.cluster.api.get(path).expect(200)["metadata"]["resourceVersion"]

    def kill() -> None:
        with site.cluster.api.watch(path, resourceVersion=version) as changes:
            changes.until("ADDED")
        assert job.running is not None
        job.running.kill()
        killed.set()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()

    result = job.use(with_=site.inputs(namespace))

    thread.join(60)
    assert killed.is_set(), result.log
    (task,) = site.cluster.api.get(path).expect(200)["items"]
    assert "kelos.dev/cancel-requested" in task["metadata"]["annotations"], result.log

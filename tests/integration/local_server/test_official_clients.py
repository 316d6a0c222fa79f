"""The official Python client, blocking and asyncio: what most programs in the field are written with."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import aio, client, config, watch

from .served import Served, widget

GROUP = ("example.com", "v1")


@pytest.fixture
def session(served: Served) -> Iterator[client.ApiClient]:
    configuration = client.Configuration()
    config.load_kube_config(str(served.kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as session:
        yield session
        session.rest_client.pool_manager.clear()


def test_custom_objects_go_through_their_life(session: client.ApiClient, namespace: str) -> None:
    """Create, read, list, merge-patch, status, replace, delete."""
    api = client.CustomObjectsApi(session)
    where = (*GROUP, namespace, "widgets")

    created = api.create_namespaced_custom_object(*where, widget("a", size=1))
    api.patch_namespaced_custom_object(*where, "a", {"spec": {"size": 2}})
    api.patch_namespaced_custom_object_status(*where, "a", {"status": {"phase": "Ready"}})
    read: Any = api.get_namespaced_custom_object(*where, "a")
    api.replace_namespaced_custom_object(*where, "a", {**read, "spec": {"size": 3}})
    listed: Any = api.list_namespaced_custom_object(*where)
    api.delete_namespaced_custom_object(*where, "a")

    assert (1, 2, "Ready") == (created["spec"]["size"], read["spec"]["size"], read["status"]["phase"])
    assert [(3, "Ready")] == [(each["spec"]["size"], each["status"]["phase"]) for each in listed["items"]]
    with pytest.raises(client.ApiException) as refused:
        api.get_namespaced_custom_object(*where, "a")
    assert 404 == refused.value.status


def test_typed_objects_are_understood_both_ways(session: client.ApiClient, namespace: str) -> None:
    """The client refuses answers that lack what its models require."""
    core, batch = client.CoreV1Api(session), client.BatchV1Api(session)
    container = client.V1Container(name="main", image="i", env=[client.V1EnvVar(name="A", value="b")])
    template = client.V1PodTemplateSpec(spec=client.V1PodSpec(restart_policy="Never", containers=[container]))
    meta = client.V1ObjectMeta(name="one", labels={"app": "x"})

    core.create_namespaced_secret(namespace, client.V1Secret(metadata=meta, string_data={"token": "s3cret"}))
    core.create_namespaced_pod(namespace, client.V1Pod(metadata=meta, spec=template.spec))
    job = batch.create_namespaced_job(namespace, client.V1Job(metadata=meta, spec=client.V1JobSpec(template=template)))

    assert {"token": "czNjcmV0"} == core.read_namespaced_secret("one", namespace).data
    assert ["one"] == [pod.metadata.name for pod in core.list_namespaced_pod(namespace, label_selector="app=x").items]
    assert (1, 6, "NonIndexed") == (job.spec.completions, job.spec.backoff_limit, job.spec.completion_mode)
    core.delete_namespaced_secret("one", namespace)
    assert [] == core.list_namespaced_secret(namespace).items


def test_a_watch_follows(session: client.ApiClient, namespace: str) -> None:
    """List, then watch from the list's version."""
    api = client.CustomObjectsApi(session)
    where = (*GROUP, namespace, "widgets")
    version = api.list_namespaced_custom_object(*where)["metadata"]["resourceVersion"]

    def change() -> None:
        api.create_namespaced_custom_object(*where, widget("a", size=1))
        api.patch_namespaced_custom_object(*where, "a", {"spec": {"size": 2}})
        api.delete_namespaced_custom_object(*where, "a")

    writer = threading.Thread(target=change)
    writer.start()
    watcher, seen = watch.Watch(), []
    stream = watcher.stream(api.list_namespaced_custom_object, *where, resource_version=version, timeout_seconds=20)
    for event in stream:
        seen.append(event["type"])
        if event["type"] == "DELETED":
            watcher.stop()
    writer.join()

    assert ["ADDED", "MODIFIED", "DELETED"] == seen


def test_logs_are_read_and_followed(session: client.ApiClient, served: Served, namespace: str) -> None:
    """With `follow` the lines come as they are written."""
    core = client.CoreV1Api(session)
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main", "image": "i"}, {"name": "late", "image": "i"}]},
    }
    core.create_namespaced_pod(namespace, pod)
    served.logs.goes_on.clear()

    assert "one\ntwo\n" == core.read_namespaced_pod_log("p", namespace, container="main")
    assert "two\n" == core.read_namespaced_pod_log("p", namespace, container="main", tail_lines=1)
    stream = core.read_namespaced_pod_log("p", namespace, container="main", follow=True, _preload_content=False)
    chunks = stream.stream()
    first = next(chunks)
    served.logs.goes_on.set()

    assert b"one\ntwo\nthree\n" == first + b"".join(chunks)
    stream.release_conn()


@pytest.mark.parametrize(
    ("container", "words"), [("late", "waiting to start"), ("none", "not valid"), (None, "choose one of")]
)
def test_logs_that_cannot_be_had_say_why(
    session: client.ApiClient, namespace: str, container: str | None, words: str
) -> None:
    """Not started, no such container, or which of two."""
    core = client.CoreV1Api(session)
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main", "image": "i"}, {"name": "late", "image": "i"}]},
    }
    core.create_namespaced_pod(namespace, pod)

    with pytest.raises(client.ApiException) as refused:
        core.read_namespaced_pod_log("p", namespace, container=container)

    assert 400 == refused.value.status
    assert words in refused.value.body


@pytest.mark.anyio
async def test_the_asyncio_client_watches_while_it_writes(served: Served, namespace: str) -> None:
    """One connection pool, both at once."""
    configuration = aio.client.Configuration()
    await aio.config.load_kube_config(str(served.kubeconfig), client_configuration=configuration)
    async with aio.client.ApiClient(configuration) as session, asyncio.timeout(60):
        core = aio.client.CoreV1Api(session)
        version = (await core.list_namespaced_config_map(namespace)).metadata.resource_version

        async def write() -> None:
            for at in range(5):
                await core.create_namespaced_config_map(namespace, {"metadata": {"name": f"c{at}"}, "data": {}})

        writing = asyncio.create_task(write())
        names: list[str] = []
        watcher = aio.watch.Watch()
        while len(names) < 5:
            # To its end: TLS connections that a client breaks off outlive the loop, which warns of them.
            options = {"resource_version": version, "timeout_seconds": 2}
            async for event in watcher.stream(core.list_namespaced_config_map, namespace, **options):
                names.append(event["object"].metadata.name)
                version = event["object"].metadata.resource_version
        await watcher.close()
        await writing

    assert [f"c{at}" for at in range(5)] == names

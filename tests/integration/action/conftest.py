"""A fake cluster and a fake runner for every test; the steps are those of `action.yml`, run by bash."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes, fake_kubernetes
from fakes.runner import Job


@pytest.fixture
def kubernetes() -> Iterator[FakeKubernetes]:
    with fake_kubernetes() as fake:
        yield fake


@pytest.fixture
def job(tmp_path: Path, kubernetes: FakeKubernetes) -> Job:
    """A job whose environment holds a kubeconfig for the fake cluster."""
    path = tmp_path / "kubeconfig.json"
    path.write_text(json.dumps(kubernetes.kubeconfig))
    return Job(tmp_path, env={"KUBECONFIG": str(path)})

"""Jobs from creation to their end, with real processes."""

import pytest

from kelos.api.kinds import JOB

from .conftest import Place, condition, container, job

pytestmark = pytest.mark.anyio


async def test_a_job_completes_and_its_log_can_be_read(place: Place) -> None:
    """The whole chain: Job, pod, process, status, log."""
    await place.create(
        JOB,
        job(
            "hello",
            container(
                "echo hi; echo done > /dev/stderr; printf outcome > $TERM_FILE",
                env=[{"name": "TERM_FILE", "value": "/dev/termination-log"}],
            ),
        ),
    )

    done = await place.until(JOB, "hello", condition("Complete"))

    (pod,) = await place.pods("hello")
    print(done["status"], pod["status"])
    assert b"hi\ndone\n" == await place.log(pod["metadata"]["name"])
    assert "outcome" == pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"]

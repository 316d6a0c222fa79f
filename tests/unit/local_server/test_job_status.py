"""What `kubectl get jobs` shows of a Job's state."""

import pytest

from kelos.local.server.builtin.columns import _job_status


@pytest.mark.parametrize(
    ("held", "shown"),
    [
        ((), "Running"),
        (("FailureTarget",), "FailureTarget"),
        (("FailureTarget", "Failed"), "Failed"),
        (("SuccessCriteriaMet", "Complete"), "Complete"),
        (("Suspended",), "Suspended"),
    ],
)
def test_the_end_is_shown_not_what_led_to_it(held: tuple[str, ...], shown: str) -> None:
    """A failed Job keeps the conditions that came before."""
    conditions = [{"type": each, "status": "True"} for each in held]

    assert shown == _job_status({"metadata": {}, "status": {"conditions": conditions}})

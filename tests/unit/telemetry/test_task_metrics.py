"""What Tasks do, in numbers: by the reference's names, once each, and never more series than a server can bear."""

from __future__ import annotations

from typing import Any

import make
from kelos.api.kinds import Manifest
from kelos.telemetry.metrics import Metrics, Words
from kelos.telemetry.task_metrics import MODELS, TaskMetrics

ENDED = {
    "type": "codex",
    "phase": "Failed",
    "reason": "AgentError",
    "jobName": "fix-bug",
    "startTime": "2026-02-07T08:00:10Z",
    "completionTime": "2026-02-07T08:01:40Z",
    "attempts": [{"podUID": "a", "reason": "Evicted"}, {"podUID": "b", "reason": "AgentError"}],
}


def written(before: Manifest, after: Manifest) -> str:
    metrics = Metrics()
    task = make.task_manifest(status=after, meta={"creationTimestamp": "2026-02-07T08:00:00Z"})
    TaskMetrics(metrics.registry).status_written(before, task)
    return metrics.render().decode()


def record(**spec: Any) -> Manifest:
    usage = {"cost": "0.25", "inputTokens": 7, "outputTokens": 5, "cacheReadTokens": 100, "cacheWriteTokens": 20}
    meta = {"name": "u", "namespace": "team", "labels": {"kelos.dev/taskspawner": "nightly"}}
    return {"metadata": meta, "spec": {"type": "codex", "model": "m-4", "usage": usage, **spec}}


def test_a_job_is_counted_when_it_is_in_the_status():
    text = written({}, {"type": "codex", "phase": "Pending", "jobName": "fix-bug"})

    assert 'kelos_task_created_total{namespace="team",type="codex"} 1.0' in text


def test_an_end_is_counted_with_its_time_and_reason():
    text = written({**ENDED, "phase": "Running", "reason": "", "attempts": ENDED["attempts"][:1]}, ENDED)

    assert 'kelos_task_completed_total{namespace="team",phase="Failed",type="codex"} 1.0' in text
    assert 'kelos_task_duration_seconds_sum{namespace="team",phase="Failed",type="codex"} 90.0' in text
    assert 'kelos_task_failed_total{reason="AgentError",type="codex"} 1.0' in text
    assert 'kelos_task_attempts_total{result="AgentError",type="codex"} 1.0' in text
    assert 'result="Evicted"' not in text


def test_the_way_to_the_agent_is_measured():
    text = written({"jobName": "fix-bug"}, {**ENDED, "phase": "Running"})

    assert 'kelos_task_wait_seconds_sum{type="codex"} 10.0' in text


def test_a_late_write_counts_no_second_end():
    """Attempts that ended after their Task did change its status once more."""
    text = written({**ENDED, "attempts": []}, ENDED)

    assert "kelos_task_completed_total{" not in text
    assert 'kelos_task_attempts_total{result="AgentError",type="codex"} 1.0' in text


def test_spending_is_what_is_on_record():
    """The model that was really used, every class of tokens, and whose spawner asked."""
    metrics = Metrics()
    TaskMetrics(metrics.registry).recorded(record())

    text = metrics.render().decode()
    labels = '{model="m-4",namespace="team",spawner="nightly",type="codex"}'
    assert f"kelos_task_cost_usd_total{labels} 0.25" in text
    assert f"kelos_task_input_tokens_total{labels} 7.0" in text
    assert f"kelos_task_output_tokens_total{labels} 5.0" in text
    assert f"kelos_task_cache_read_tokens_total{labels} 100.0" in text
    assert f"kelos_task_cache_write_tokens_total{labels} 20.0" in text


def test_models_that_agents_invent_share_one_series():
    """The name comes out of a pod: anybody could make a thousand series."""
    metrics = Metrics()
    tally = TaskMetrics(metrics.registry)
    for number in range(MODELS + 50):
        tally.recorded(record(model=f"m-{number}"))

    text = metrics.render().decode()
    assert MODELS + 1 == text.count("kelos_task_cost_usd_total{")
    assert 'kelos_task_cost_usd_total{model="other",namespace="team",spawner="nightly",type="codex"} 12.5' in text


def test_an_agent_or_reason_that_nobody_knows_is_other():
    text = written({}, {**ENDED, "type": "aider", "reason": "Whatever", "attempts": [{"podUID": "c", "reason": "x"}]})

    assert 'kelos_task_failed_total{reason="other",type="other"} 1.0' in text
    assert 'kelos_task_attempts_total{result="other",type="other"} 1.0' in text


def test_outcomes_that_nobody_can_tell_are_counted():
    metrics = Metrics()
    TaskMetrics(metrics.registry).captures_lost("codex", 2)

    assert 'kelos_task_capture_failures_total{type="codex"} 2.0' in metrics.render().decode()


def test_the_first_words_keep_their_series():
    words = Words(2)

    assert ["a", "b", "other", "a", ""] == [words(word) for word in ("a", "b", "c", "a", "")]

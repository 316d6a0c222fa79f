"""Jobs and CronJobs: defaults, the generated selector, and what may change once a Job exists."""

from __future__ import annotations

from collections.abc import Iterator

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.pods import check_pod_spec, complete_pod_spec
from kelos.local.server.builtin.rules import BuiltInRules, default, immutable, not_supported, required
from kelos.local.server.refusals import Cause

_JOB_NAME, _LEGACY_JOB_NAME = "batch.kubernetes.io/job-name", "job-name"
_UID, _LEGACY_UID = "batch.kubernetes.io/controller-uid", "controller-uid"
_COUNTS = ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
_POLICIES = {"completionMode": ("NonIndexed", "Indexed"), "podReplacementPolicy": ("TerminatingOrFailed", "Failed")}
_CONCURRENCY = ("Allow", "Forbid", "Replace")


def _complete_job(new: Manifest, old: Manifest | None) -> None:
    spec = new.setdefault("spec", {})
    if not isinstance(spec.get("template"), dict):
        return
    _complete_job_spec(spec)
    if old is None and not spec.get("manualSelector"):
        _select_own_pods(spec, new["metadata"])
    if old is None:
        new["status"] = {}


def _complete_job_spec(spec: Manifest) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    default(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False, manualSelector=False)
    if not spec["manualSelector"]:
        del spec["manualSelector"]
    default(spec, podReplacementPolicy="Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")
    template = spec["template"]
    if isinstance(template.setdefault("spec", {}), dict):
        # A Job refuses the pod's own default, Always: that it was not set must still be seen.
        chosen = template["spec"].get("restartPolicy")
        complete_pod_spec(template["spec"])
        template["spec"]["restartPolicy"] = chosen or "Always"
    template.setdefault("metadata", {})


def _select_own_pods(spec: Manifest, metadata: Manifest) -> None:
    own = {_UID: metadata["uid"]}
    names = {
        _LEGACY_UID: metadata["uid"],
        _JOB_NAME: metadata.get("name", ""),
        _LEGACY_JOB_NAME: metadata.get("name", ""),
    }
    template = spec["template"]["metadata"]
    template["labels"] = {**(template.get("labels") or {}), **own, **names}
    spec["selector"] = {"matchLabels": own}


def _check_job(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    yield from _check_job_spec(spec, "spec")
    if old is None:
        return
    before = old["spec"]
    for field in ("completionMode", "selector", "podFailurePolicy", "backoffLimitPerIndex", "manualSelector"):
        yield from immutable(f"spec.{field}", spec.get(field), before.get(field))
    if spec.get("completionMode") != "Indexed":
        yield from immutable("spec.completions", spec.get("completions"), before.get("completions"))
    never_started = before.get("suspend") and not (old.get("status") or {}).get("startTime")
    if not never_started:
        yield from immutable("spec.template", spec.get("template"), before.get("template"))


def _check_job_spec(spec: Manifest, field: str) -> Iterator[Cause]:
    if not isinstance(spec.get("template"), dict):
        yield required(f"{field}.template", "a Job needs the template of its pods")
        return
    for name in _COUNTS:
        if not isinstance(spec.get(name, 0), int) or isinstance(spec.get(name), bool) or spec.get(name, 0) < 0:
            text = f"Invalid value: {spec[name]}: must be greater than or equal to 0"
            yield Cause(field=f"{field}.{name}", message=text)
    for name, allowed in _POLICIES.items():
        if spec.get(name) not in allowed:
            yield not_supported(f"{field}.{name}", spec.get(name), allowed)
    template = spec["template"].get("spec")
    if not isinstance(template, dict):
        yield required(f"{field}.template.spec")
        return
    if template.get("restartPolicy") not in ("OnFailure", "Never"):
        text = f'Required value: valid values: "OnFailure", "Never"; found "{template.get("restartPolicy")}"'
        yield Cause(field=f"{field}.template.spec.restartPolicy", message=text, reason="FieldValueRequired")
    yield from check_pod_spec(template, f"{field}.template.spec")
    yield from _check_failure_policy(spec, template, field)


def _check_failure_policy(spec: Manifest, template: Manifest, field: str) -> Iterator[Cause]:
    policy = spec.get("podFailurePolicy")
    if policy is None:
        return
    if template.get("restartPolicy") != "Never":
        text = 'Invalid value: only "Never" is supported when podFailurePolicy is specified'
        yield Cause(field=f"{field}.template.spec.restartPolicy", message=text)
    if spec.get("podReplacementPolicy") != "Failed":
        yield not_supported(f"{field}.podReplacementPolicy", spec.get("podReplacementPolicy"), ("Failed",))
    for at, rule in enumerate(policy.get("rules") or ()):
        allowed = ("Count", "FailIndex", "FailJob", "Ignore")
        if rule.get("action") not in allowed:
            yield not_supported(f"{field}.podFailurePolicy.rules[{at}].action", rule.get("action"), allowed)


def _complete_cron_job(new: Manifest, old: Manifest | None) -> None:
    spec = new.setdefault("spec", {})
    default(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    job = (spec.get("jobTemplate") or {}).get("spec")
    if isinstance(job, dict) and isinstance(job.get("template"), dict):
        _complete_job_spec(job)
    if old is None:
        new["status"] = {}


def _check_cron_job(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    if not spec.get("schedule"):
        yield required("spec.schedule")
    if spec.get("concurrencyPolicy") not in _CONCURRENCY:
        yield not_supported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), _CONCURRENCY)
    yield from _check_job_spec((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")


JOB_RULES = BuiltInRules(type_name="Job", complete=_complete_job, check=_check_job)
CRON_JOB_RULES = BuiltInRules(type_name="CronJob", complete=_complete_cron_job, check=_check_cron_job)

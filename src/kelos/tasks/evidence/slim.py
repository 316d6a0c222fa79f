"""What is remembered of Jobs and pods: what `facts` reads of them, and no more."""

from __future__ import annotations

from kelos.api import names
from kelos.api.kinds import Manifest


def slim_job(job: Manifest) -> Manifest:
    """A Job without its pod template, most of its size: passes ask what became of it, not what it runs."""
    return {**job, "spec": {name: value for name, value in (job.get("spec") or {}).items() if name != "template"}}


def slim_pod(pod: Manifest) -> Manifest:
    """A pod as far as its fate goes: not what its containers run, nor the prompt, which it carries more than once."""
    meta, spec = pod["metadata"], pod.get("spec") or {}
    annotations = {n: v for n, v in (meta.get("annotations") or {}).items() if n != names.ANNOTATION_PROMPT}
    kept = {name: spec[name] for name in ("nodeName",) if name in spec}
    lists = (name for name in ("initContainers", "containers") if name in spec)
    kept |= {name: [_slim_container(container) for container in spec[name]] for name in lists}
    return {**pod, "metadata": {**meta, "annotations": annotations}, "spec": kept}


def _slim_container(container: Manifest) -> Manifest:
    """What tells a sidecar from an init container, and how much memory is too much."""
    kept: Manifest = {name: container[name] for name in ("name", "restartPolicy") if name in container}
    limits = (container.get("resources") or {}).get("limits") or {}
    return {**kept, "resources": {"limits": {"memory": limits["memory"]}}} if "memory" in limits else kept

"""The containers of the agent pod."""

from __future__ import annotations

from collections.abc import Mapping

from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.errors import UserError
from kelos.pods.environment import agent_environment, prepare_environment
from kelos.pods.inputs import Inputs, fits_annotation
from kelos.pods.instructions import Instructions
from kelos.pods.request import JobRequest, escaped
from kelos.pods.security import container_defaults, secured
from kelos.pods.volumes import Volumes

POINTER = "The prompt is long: read it from the file {path} and do what it says."


def agent_container(request: JobRequest, instructions: Instructions, inputs: Inputs, volumes: Volumes) -> Manifest:
    overrides = request.task.spec.effective.pod_overrides
    container: Manifest = {
        "name": names.CONTAINER_AGENT,
        "image": agent_image(request),
        "command": [names.ENTRYPOINT],
        "args": [_argument(request.prompt)],
        "env": agent_environment(request, instructions, inputs),
        "volumeMounts": list(volumes.agent),
        "securityContext": overrides.container_security_context or container_defaults(overrides.pod_security_context),
    }
    if request.workspace is not None:
        container["workingDir"] = names.PATH_REPO
    if overrides.resources:
        container["resources"] = overrides.resources
    return _with_pull_policy(container, request)


def prepare_container(request: JobRequest, instructions: Instructions, volumes: Volumes) -> Manifest | None:
    """The one container that prepares checkout, files, plugins and skills; None when there is nothing to prepare."""
    if request.workspace is None and not instructions.needs_plugin_dir:
        return None
    settings = request.settings
    return _with_pull_policy(
        {
            "name": names.CONTAINER_PREPARE,
            "image": settings.runner_image,
            "command": [*settings.runner_command, "prepare"],
            "env": prepare_environment(request, instructions),
            "volumeMounts": list(volumes.prepare),
            "resources": _resources(settings.prepare_requests, settings.prepare_limits),
            "securityContext": container_defaults(),
        },
        request,
    )


def extra_init_containers(request: JobRequest) -> list[Manifest]:
    """The user's init containers, then their side containers as native sidecars: those never keep a pod alive."""
    overrides = request.task.spec.effective.pod_overrides
    sidecars = [{**container, "restartPolicy": "Always"} for container in overrides.extra_containers]
    context = overrides.pod_security_context
    return [secured(container, context) for container in (*overrides.extra_init_containers, *sidecars)]


def _argument(prompt: str) -> str:
    return escaped(prompt) if fits_annotation(prompt) else POINTER.format(path=names.PATH_PROMPT)


def agent_image(request: JobRequest) -> str:
    worker, images = request.task.spec.effective, request.settings.agent_images
    if worker.image:
        return worker.image
    agent_type = worker.agent_type.value if worker.agent_type is not None else ""
    if agent_type not in images:
        name, known = request.task.meta.name, ", ".join(sorted(images))
        raise UserError(f"Task '{name}': no image is known for agent type '{agent_type}'; use one of {known}")
    return images[agent_type]


def _with_pull_policy(container: Manifest, request: JobRequest) -> Manifest:
    policy = request.settings.image_pull_policy
    return {**container, "imagePullPolicy": policy} if policy else container


def _resources(requests: Mapping[str, str], limits: Mapping[str, str]) -> Manifest:
    return {"requests": dict(requests), "limits": dict(limits)}

"""What every part of the node is handed: the cluster, what runs each pod, folders, logs, settings, a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import Cluster
from kelos.local.jobs.events import Recorder
from kelos.local.jobs.moments import Clock
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.runs import Runner
from kelos.local.jobs.settings import NodeSettings
from kelos.local.jobs.storage.folder import NodeFolder

RunnerChoice = Callable[[Manifest], Runner]
"""What runs the containers of a pod, all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The node's outside."""

    cluster: Cluster
    runner_of: RunnerChoice
    folder: NodeFolder
    logs: PodLogs
    settings: NodeSettings
    recorder: Recorder
    now: Clock

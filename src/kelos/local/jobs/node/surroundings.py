"""What every part of the node is handed: the cluster, the commands behind images, folders, logs, settings, a clock."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.cluster.protocol import Cluster
from kelos.local.jobs.events import Recorder
from kelos.local.jobs.moments import Clock
from kelos.local.jobs.node.images import ImageCommands
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.settings import NodeSettings
from kelos.local.jobs.storage.folder import NodeFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The node's outside."""

    cluster: Cluster
    images: ImageCommands
    folder: NodeFolder
    logs: PodLogs
    settings: NodeSettings
    recorder: Recorder
    now: Clock

"""How the built-in kinds merge: the keys of their lists, as the Kubernetes API reference gives them."""

from __future__ import annotations

from kelos.local.server.merging.shape import METADATA, SET, WHOLE, Shape, keyed, patched_by, struct

_CONTAINER = struct(
    env=keyed("name", items=struct(valueFrom=struct(
        secretKeyRef=WHOLE, configMapKeyRef=WHOLE, fieldRef=WHOLE, resourceFieldRef=WHOLE,
    ))),
    ports=keyed("containerPort", "protocol", merge_key="containerPort", protocol="TCP"),
    volumeMounts=keyed("mountPath"),
    volumeDevices=keyed("devicePath"),
    resources=struct(claims=keyed("name")),
)  # fmt: skip
_VOLUME = struct(
    secret=struct(items=Shape()),
    configMap=struct(items=Shape()),
    downwardAPI=struct(items=Shape()),
    projected=struct(sources=Shape()),
)
_POD_SPEC = struct(
    containers=keyed("name", items=_CONTAINER),
    initContainers=keyed("name", items=_CONTAINER),
    ephemeralContainers=keyed("name", items=_CONTAINER),
    volumes=keyed("name", items=_VOLUME),
    imagePullSecrets=keyed("name"),
    hostAliases=keyed("ip"),
    topologySpreadConstraints=keyed("topologyKey", "whenUnsatisfiable", merge_key="topologyKey"),
    schedulingGates=keyed("name"),
    resourceClaims=keyed("name"),
    nodeSelector=WHOLE,
)
_POD_TEMPLATE = struct(metadata=METADATA, spec=_POD_SPEC)

POD = struct(
    metadata=METADATA,
    spec=_POD_SPEC,
    status=struct(conditions=keyed("type"), podIPs=keyed("ip"), hostIPs=patched_by("ip")),
)
_JOB_SPEC = struct(
    template=_POD_TEMPLATE,
    selector=WHOLE,
    podFailurePolicy=struct(rules=Shape()),
)
JOB = struct(metadata=METADATA, spec=_JOB_SPEC, status=struct(conditions=patched_by("type")))
CRON_JOB = struct(metadata=METADATA, spec=struct(jobTemplate=struct(metadata=METADATA, spec=_JOB_SPEC)))
DEPLOYMENT = struct(
    metadata=METADATA,
    spec=struct(template=_POD_TEMPLATE, selector=WHOLE),
    status=struct(conditions=keyed("type")),
)
SERVICE = struct(
    metadata=METADATA,
    spec=struct(ports=keyed("port", "protocol", merge_key="port", protocol="TCP"), selector=WHOLE),
    status=struct(conditions=keyed("type")),
)
SERVICE_ACCOUNT = struct(metadata=METADATA, secrets=keyed("name"), imagePullSecrets=patched_by("name"))
CLAIM = struct(metadata=METADATA, spec=struct(selector=WHOLE), status=struct(conditions=keyed("type")))
NODE = struct(
    metadata=METADATA,
    spec=struct(taints=Shape(), podCIDRs=SET),
    status=struct(conditions=keyed("type"), addresses=patched_by("type")),
)
NAMESPACE = struct(metadata=METADATA, status=struct(conditions=keyed("type")))
DEFINITION = struct(metadata=METADATA, status=struct(conditions=keyed("type")))

"""What to try, by what Kubernetes says. The first row whose words are found decides."""

from __future__ import annotations

from collections.abc import Sequence

Row = tuple[tuple[str, ...], str]

IMAGE: tuple[Row, ...] = (
    (("InvalidImageName", "invalid reference format"), "Write the image as registry/name:tag, the name in lower case"),
    (
        ("ErrImageNeverPull", "pull policy of Never"),
        "Load the image onto the node, or let the installation's image pull policy be IfNotPresent",
    ),
    (
        ("no program of this machine",),  # a plane without a container engine
        "Start docker or podman and then the cluster again, or leave the image out to use an agent of this machine",
    ),
    (
        ("no match for platform", "no matching manifest"),
        "Build the image for the node's architecture, or choose nodes by kubernetes.io/arch in nodeSelector",
    ),
    (
        ("toomanyrequests", "429 ", "Too Many Requests", "rate limit"),
        "The registry limits pulls: wait, or name a Secret with an account in podOverrides.imagePullSecrets",
    ),
    (("pull QPS exceeded",), "The node pulls too much at once: wait"),
    (("no such host", "server misbehaving"), "Check the registry's name in the image, and the node's DNS"),
    (
        ("x509:", "HTTP response to HTTPS client"),
        "Let the node's container runtime trust the registry's certificate, or give the registry a public one",
    ),
    (("no space left",), "Free disk space on the node, or choose another with podOverrides.nodeSelector"),
    (
        ("401 Unauthorized", "403 Forbidden", "access denied", "denied:", "authorization failed", "unauthorized"),
        "Check the image's name, and name a Secret with the registry's login in podOverrides.imagePullSecrets",
    ),
    ((": not found", "manifest unknown", "NotFound"), "Check the image's name and tag"),
    (
        ("connection refused", "i/o timeout", "no route to host", "timeout", "deadline exceeded", "EOF", "unavailable"),
        "Check that the node reaches the registry",
    ),
    (("SignatureValidationFailed",), "Sign the image as the node's policy wants it, or use one that is signed"),
    ((), "Check the image's name and tag, and imagePullSecrets for a private registry"),
)

PLACING: tuple[Row, ...] = (
    (
        ("persistentvolumeclaim",),
        "Create the PersistentVolumeClaim that the message names, or wait until it is bound",
    ),
    (
        ("unbound immediate PersistentVolumeClaims", "persistent volumes to bind", "enough free storage"),
        "Look at the claim: its StorageClass must exist and have room",
    ),
    (
        (
            "PersistentVolume's node affinity",
            "volume node affinity conflict",
            "available volume zone",
            "non-existent pv",
        ),
        "The volume lives on nodes that the pod may not use: allow those, or use another volume",
    ),
    (("ReadWriteOncePod", "max volume count"), "Wait until other pods have let go of their volumes"),
    (
        ("Insufficient ", "Too many pods"),
        "Lower the requests in podOverrides.resources, add a node, or wait until other pods have ended",
    ),
    (
        ("node affinity/selector", "affinity rules", "topology spread"),
        "Correct podOverrides.nodeSelector and podOverrides.affinity, or label a node",
    ),
    (("untolerated taint", "didn't tolerate"), "Tolerate the taint in podOverrides.tolerations, or add a node"),
    (("were unschedulable",), "Let a node take pods again: kubectl uncordon"),
    (("no nodes available",), "Add a node"),
    ((), "Look at the nodes, and at podOverrides"),
)

CREATING: tuple[Row, ...] = (
    (
        ("non-numeric user",),
        "Set podOverrides.containerSecurityContext.runAsUser to the number of the image's user",
    ),
    (
        ("will run as root", "runAsNonRoot"),
        "Use an image whose user is not root, or leave runAsUser in podOverrides.containerSecurityContext unset",
    ),
    (("subPath",), "Correct subPath in podOverrides.volumeMounts"),
    (("no command specified",), "Give the container a command in podOverrides, or use an image with an entrypoint"),
    ((), "Check podOverrides"),
)

EVICTION: tuple[Row, ...] = (
    (
        ("Usage of EmptyDir volume",),
        "Give the agent a smaller job, or raise the limit of the volume that the message names",
    ),
    (
        ("exceeds the total limit", "exceeded its local"),
        "Raise ephemeral-storage in podOverrides.resources.limits, or give the agent a smaller job",
    ),
    ((), "Set requests in podOverrides.resources so that the node keeps room for it"),
)

REFUSAL: tuple[Row, ...] = (
    (("failed quota",), "Set in podOverrides.resources what the quota wants to know"),
    (("usage per ", "ratio per "), "Set podOverrides.resources within the namespace's LimitRange"),
    (
        ("violates PodSecurity",),
        "Take out of podOverrides what the message names: the namespace's Pod Security level forbids it",
    ),
    ((), "Change podOverrides so that the namespace's policies allow it, or ask who owns them"),
)


def advice(table: Sequence[Row], said: str) -> str:
    """The advice of the first row that matches; the last row matches everything."""
    return next(text for words, text in table if not words or any(word in said for word in words))

"""The files that the programs of a node read: containerd, the pod network, kubelet and kube-proxy."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realcluster.pki import NODE_NAME
from realcluster.programs import Site

from .debian import Packages

SANDBOX_IMAGE = "kelos.test/pause:1"
POD_RANGE = "10.244.0.0/24"  # of every node, for none is seen from another
CLUSTER_DNS = "10.96.0.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSite:
    """What the files and command lines of one node share."""

    folder: Path
    control: Site
    packages: Packages
    programs: Path
    cgroup: str

    @property
    def socket(self) -> Path:
        return containerd_socket(self.folder)


def containerd_socket(folder: Path) -> Path:
    """Where containerd listens; a path works from any namespace that sees the folder."""
    return folder / "containerd.sock"


def write_containerd(site: NodeSite) -> Path:
    """Version 2 of the format is what containerd 1.6 reads, and later ones translate."""
    state = site.folder / "containerd"
    network = site.folder / "network"
    network.mkdir()
    (network / "10-pods.conflist").write_text(json.dumps(_network(site)))
    text = f"""
version = 2
root = "{state}/root"
state = "{state}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "{site.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{SANDBOX_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{site.packages.plugins}"
    conf_dir = "{network}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{site.packages.runc}"
        SystemdCgroup = false
"""
    return _write(site.folder / "containerd.toml", text)


def _network(site: NodeSite) -> dict[str, Any]:
    """No masquerading here: the plugin would need iptables, and the node's one rule does it for all pods."""
    addresses = {
        "type": "host-local",
        "dataDir": str(site.folder / "addresses"),
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}


def write_kubelet(site: NodeSite) -> Path:
    """Webhook authentication as in any cluster; nothing of the machine is reserved, tuned or judged."""
    pki = site.control.pki
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": site.control.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{site.cgroup}",
        "clusterDNS": [CLUSTER_DNS],
        "clusterDomain": "cluster.local",
        "containerLogMaxSize": "2Mi",
        "containerLogMonitorInterval": "3s",  # a log of some megabytes is rotated while its container still runs
        "containerRuntimeEndpoint": f"unix://{site.socket}",
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzPort": 0,
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "5s",
        "oomScoreAdj": 0,
        "podLogsDir": str(site.folder / "pod-logs"),
        "protectKernelDefaults": True,  # the kernel is the machine's; `private.py` shows the values that are asked for
        "resolvConf": str(_write(site.folder / "resolv.conf", "")),
        "shutdownGracePeriod": "0s",
        "syncFrequency": "10s",
        "tlsCertFile": str(pki.server.certificate),
        "tlsPrivateKeyFile": str(pki.server.key),
    }
    return _write(site.folder / "kubelet.json", json.dumps(config))


def write_proxy(site: NodeSite, kubeconfig: Path) -> Path:
    """nftables: `nft` is one program, and new kernels may lack what iptables needs."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": site.control.address,
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": POD_RANGE,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "healthzBindAddress": f"{site.control.address}:10256",
        "hostnameOverride": NODE_NAME,
        "metricsBindAddress": f"{site.control.address}:10249",
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "0.1s"},
        "oomScoreAdj": 0,
    }
    return _write(site.folder / "kube-proxy.json", json.dumps(config))


def _write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file

"""The programs of a node, in the order in which they can start."""

from pathlib import Path

from realcluster.client import Api
from realcluster.kubeconfigs import write_kubeconfig
from realcluster.pki import NODE_NAME, Pair
from realcluster.processes import Program, Workshop
from realcluster.waiting import wait_for

from .images import load_sandbox
from .private import NodeSetupError, run
from .settings import NodeSite, write_containerd, write_kubelet, write_proxy


def start_node(site: NodeSite, api: Api, workshop: Workshop) -> None:
    """Start everything that a node is, and return when it is Ready and pods may be created."""
    environment = site.packages.environment
    containerd = workshop.start(
        "containerd", [site.packages.containerd, f"--config={write_containerd(site)}"], environment
    )
    workshop.start("kube-scheduler", scheduler_command(site))
    workshop.start("kube-proxy", proxy_command(site), environment)
    wait_for("containerd to answer", lambda: _answers(site, containerd))
    load_sandbox(site.packages, site.folder)
    make_cgroup(site.cgroup)
    kubelet = workshop.start("kubelet", kubelet_command(site), environment)
    wait_for("the node to be Ready", lambda: _is_ready(api, kubelet), 60)


def scheduler_command(site: NodeSite) -> list[str | Path]:
    """kube-scheduler, alone and at once."""
    kubeconfig = _kubeconfig(site, "scheduler", site.control.pki.scheduler)
    return [
        site.programs / "kube-scheduler",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
        f"--kubeconfig={kubeconfig}",
    ]


def proxy_command(site: NodeSite) -> list[str | Path]:
    """kube-proxy, which puts Services into the node's own network."""
    kubeconfig = _kubeconfig(site, "proxy", site.control.pki.kube_proxy)
    return [site.programs / "kube-proxy", f"--config={write_proxy(site, kubeconfig)}"]


def kubelet_command(site: NodeSite) -> list[str | Path]:
    """kubelet with everything it keeps below the node's folder."""
    kubeconfig = _kubeconfig(site, "kubelet", site.control.pki.node)
    return [
        site.programs / "kubelet",
        f"--config={write_kubelet(site)}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={site.folder / 'kubelet'}",
        f"--cert-dir={site.folder / 'kubelet-certificates'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={site.control.address}",
    ]


def make_cgroup(name: str) -> None:
    """The parent of all pods, in every hierarchy; the keeper of the node's folder removes what carries its name."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        (root / name).mkdir()
        return
    for hierarchy in root.iterdir():
        if hierarchy.is_dir() and not hierarchy.is_symlink():
            (hierarchy / name).mkdir()
    if (root / "cpuset" / name).exists():
        for value in ("cpuset.cpus", "cpuset.mems"):  # a new cpuset is empty, and takes no process
            (root / "cpuset" / name / value).write_text((root / "cpuset" / value).read_text())


def _kubeconfig(site: NodeSite, name: str, pair: Pair) -> Path:
    control = site.control
    file = site.folder / f"kubeconfig-{name}"
    return write_kubeconfig(file, server=control.server_url, authority=control.pki.authority.certificate, pair=pair)


def _answers(site: NodeSite, containerd: Program) -> bool:
    containerd.check()
    try:
        run([str(site.packages.ctr), "--address", str(site.socket), "--connect-timeout", "1s", "version"])
    except NodeSetupError:
        return False
    return True


def _is_ready(api: Api, kubelet: Program) -> bool:
    kubelet.check()
    answer = api.get(f"/api/v1/nodes/{NODE_NAME}")
    if answer.status != 200 or answer.body["spec"].get("taints"):
        return False
    conditions = answer.body["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

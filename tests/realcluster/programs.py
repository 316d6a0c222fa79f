"""The command lines of a control plane, on loopback or where a real node reaches it: which flags, and why those."""

from dataclasses import dataclass
from pathlib import Path

from .binaries import Binaries
from .pki import Pki

LOOPBACK = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local"

# On loopback nobody renews a node's heartbeat, so what judges nodes by it would evict every pod.
ABSENT_CONTROLLERS = ("node-lifecycle-controller", "taint-eviction-controller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the command lines of one control plane share."""

    binaries: Binaries
    folder: Path
    pki: Pki
    etcd_port: int
    etcd_peer_port: int
    server_port: int
    token_file: Path
    address: str = LOOPBACK
    authentication: Path | None = None

    @property
    def server_url(self) -> str:
        return f"https://{self.address}:{self.server_port}"

    @property
    def has_node(self) -> bool:
        """Whether a real node is to join; none could reach loopback."""
        return self.address != LOOPBACK


def etcd_command(site: Site) -> list[str | Path]:
    """etcd without durability: the data lives as long as the process."""
    client, peer = f"http://127.0.0.1:{site.etcd_port}", f"http://127.0.0.1:{site.etcd_peer_port}"
    return [
        site.binaries.etcd,
        f"--data-dir={site.folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--watch-progress-notify-interval=1s",  # bookmarks follow it; clusters use 5 s
        "--name=only",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=only={peer}",
        "--logger=zap",
        "--log-level=warn",
    ]


def apiserver_command(site: Site) -> list[str | Path]:
    """kube-apiserver with RBAC and the usual admission."""
    pki = site.pki
    structured = [f"--authentication-config={site.authentication}"] if site.authentication else []
    return [
        site.binaries.kube_apiserver,
        *structured,
        f"--bind-address={site.address}",
        f"--secure-port={site.server_port}",
        f"--advertise-address={site.address}",
        f"--endpoint-reconciler-type={'lease' if site.has_node else 'none'}",  # refuses loopback otherwise
        f"--etcd-servers=http://127.0.0.1:{site.etcd_port}",
        f"--cert-dir={site.folder / 'apiserver'}",
        f"--client-ca-file={pki.authority.certificate}",
        f"--tls-cert-file={pki.server.certificate}",
        f"--tls-private-key-file={pki.server.key}",
        f"--token-auth-file={site.token_file}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
        "--allow-privileged=true",
        f"--service-account-issuer={SERVICE_ACCOUNT_ISSUER}",
        f"--service-account-key-file={pki.service_accounts.certificate}",
        f"--service-account-signing-key-file={pki.service_accounts.key}",
        f"--kubelet-certificate-authority={pki.authority.certificate}",
        "--kubelet-preferred-address-types=InternalIP",  # a node's name means nothing outside the cluster
        f"--kubelet-client-certificate={pki.kubelet_client.certificate}",
        f"--kubelet-client-key={pki.kubelet_client.key}",
        f"--requestheader-client-ca-file={pki.authority.certificate}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki.front_proxy.certificate}",
        f"--proxy-client-key-file={pki.front_proxy.key}",
    ]


def controller_manager_command(site: Site, kubeconfig: Path) -> list[str | Path]:
    """kube-controller-manager for Jobs, garbage collection and ServiceAccounts."""
    pki, absent = site.pki, () if site.has_node else ABSENT_CONTROLLERS
    return [
        site.binaries.kube_controller_manager,
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
        f"--controllers={','.join(['*', *(f'-{name}' for name in absent)])}",
        "--use-service-account-credentials=true",
        "--kube-api-qps=300",  # with the default it takes 9 s to start
        "--kube-api-burst=500",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={pki.service_accounts.key}",
        f"--root-ca-file={pki.authority.certificate}",
        f"--cluster-signing-cert-file={pki.authority.certificate}",
        f"--cluster-signing-key-file={pki.authority.key}",
    ]

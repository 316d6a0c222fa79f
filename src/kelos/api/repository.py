"""Repository URLs, read properly: host, port, owner and name, and one spelling for each repository."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from kelos.errors import UserError

DEFAULT_PORTS = {"http": 80, "https": 443, "git": 9418, "ssh": 22}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where a repository is. `host` includes a non-default port, and brackets around an address of IPv6;
    `path` has no `.git` and no slashes at its ends."""

    scheme: str
    host: str
    path: str

    @property
    def owner(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def full_name(self) -> str:
        return self.path

    @property
    def identity(self) -> str:
        """Equal for every URL of the same repository: the transport and the user do not matter."""
        return f"{_without_port(self.host)}/{self.path}".lower()

    @property
    def address(self) -> str:
        """The repository without user, transport or ending: http when the URL says so, else https."""
        return f"{'http' if self.scheme == 'http' else 'https'}://{self.web_host}/{self.path}"

    @property
    def web_host(self) -> str:
        """Where the host answers HTTP; the port of another transport says nothing about that."""
        return self.host if self.scheme in ("http", "https") else _without_port(self.host)

    @property
    def api_url(self) -> str:
        """The root of the host's GitHub REST API."""
        if is_of_github(self.web_host):
            return f"https://api.{self.web_host}"
        return f"{'http' if self.scheme == 'http' else 'https'}://{self.web_host}/api/v3"

    @property
    def is_on_github_com(self) -> bool:
        return self.host == "github.com"


def is_of_github(host: str) -> bool:
    """Whether GitHub runs it: such hosts take `gh`'s GH_TOKEN, all others its GH_ENTERPRISE_TOKEN."""
    return host == "github.com" or host.endswith(".ghe.com")


def parse_repository(url: str) -> Repository:
    """Read an http(s), git, ssh or `user@host:path` URL. Raises UserError when it is none of them."""
    scheme, host, port, path = _split(url)
    path = path.strip("/").removesuffix(".git").rstrip("/")
    if not host or not path:
        raise UserError("the repository URL must look like https://host/owner/name, ssh://… or git@host:owner/name")
    if port is not None and port != DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    return Repository(scheme=scheme, host=host, path=path)


def _split(url: str) -> tuple[str, str, int | None, str]:
    if "://" not in url:
        user_host, colon, path = url.partition(":")
        if not colon or "/" in user_host or path.startswith(":"):
            return "", "", None, ""
        return "ssh", user_host.rpartition("@")[2].lower(), None, path
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", None, ""
    if parts.scheme not in DEFAULT_PORTS:
        return "", "", None, ""
    host = (parts.hostname or "").lower()
    return parts.scheme, f"[{host}]" if ":" in host else host, port, parts.path


def _without_port(host: str) -> str:
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]

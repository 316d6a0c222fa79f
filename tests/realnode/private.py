"""The private namespaces of a node: how they are entered, and what is set up in them before any program starts."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from realcluster.waiting import wait_for

UNSHARE = (
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "--mount-proc",
    "--propagation=private",
)
UPLINK = "uplink"

# kubelet insists on these values of the whole machine's kernel. It is shown them; the kernel keeps its own.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
# Programs of a node write to these whatever they are told. What is there is seen; what is written is thrown away.
PRIVATE_FOLDERS = ("/var/lib", "/var/log")

MASQUERADE = f"""
table ip kelos {{
    chain postrouting {{
        type nat hook postrouting priority srcnat + 10;
        ip saddr 10.244.0.0/16 oifname "{UPLINK}" masquerade
    }}
}}
"""


class NodeSetupError(Exception):
    """The machine refused something that a node needs; the text has the command and what it said."""


def hide_machine(folder: Path) -> None:
    """Lay folders of our own over what the programs would write to. Only in a private mount namespace!"""
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])
    for place in PRIVATE_FOLDERS:
        upper, work = folder / "private" / place[1:], folder / "private-work" / place[1:]
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        run(["mount", "-t", "overlay", "-o", f"lowerdir={place},upperdir={upper},workdir={work}", "overlay", place])
    values = folder / "kernel"
    values.mkdir()
    for name, value in TUNABLES.items():
        shown = values / name.replace("/", ".")
        shown.write_text(f"{value}\n")
        run(["mount", "--bind", str(shown), f"/proc/sys/{name}"])


def connect_network(address: str, gateway: str, nft: Path, environment: Mapping[str, str]) -> None:
    """Wait for the cable to be plugged in from outside, then make the node a router for its pods."""
    wait_for("the link to the machine", lambda: UPLINK in Path("/proc/net/dev").read_text())
    run(["ip", "link", "set", "lo", "up"])
    run(["ip", "address", "add", f"{address}/30", "dev", UPLINK])
    run(["ip", "link", "set", UPLINK, "up"])
    run(["ip", "route", "add", "default", "via", gateway])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    run([str(nft), "-f", "-"], text=MASQUERADE, environment=environment)


def run(command: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None) -> str:
    """What the command printed; a failure is told with its words."""
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
    if answer.returncode != 0:
        raise NodeSetupError(f"`{' '.join(command)}` failed: {answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout

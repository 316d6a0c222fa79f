"""The veth pair between the machine and one node: its name is the claim on a pair of addresses."""

import os
from dataclasses import dataclass
from pathlib import Path

from realcluster.waiting import wait_for

from .private import UPLINK, NodeSetupError, run

SLOTS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """One slot: the interface on the machine, its address, and the node's."""

    slot: int

    @property
    def name(self) -> str:
        return f"kelos-node{self.slot}"

    @property
    def gateway(self) -> str:
        return f"10.199.{self.slot}.1"

    @property
    def address(self) -> str:
        return f"10.199.{self.slot}.2"

    @property
    def is_there(self) -> bool:
        return Path(f"/sys/class/net/{self.name}").exists()


def plug(pid: int) -> Cable:
    """Connect the network namespace of a process; the kernel makes no name twice, so two runs never share a slot."""
    refused = ""
    for step in range(SLOTS):
        cable = Cable(slot=(os.getpid() + step) % SLOTS)
        if cable.is_there:
            continue
        try:
            run(["ip", "link", "add", cable.name, "type", "veth", "peer", "name", UPLINK, "netns", str(pid)])
        except NodeSetupError as error:
            if "File exists" in str(error):
                refused = str(error)
                continue
            raise
        run(["ip", "address", "add", f"{cable.gateway}/30", "dev", cable.name])
        run(["ip", "link", "set", cable.name, "up"])
        return cable
    raise NodeSetupError(f"All {SLOTS} slots for nodes are taken. {refused}")


def await_unplugged(cable: Cable) -> None:
    """The interface goes with the node's namespace; where a dead socket keeps that for minutes, it is taken away."""
    try:
        wait_for(f"the interface {cable.name} to go", lambda: not cable.is_there, 5)
    except TimeoutError:
        run(["ip", "link", "delete", cable.name])

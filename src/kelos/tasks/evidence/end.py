"""The end of a pod: what there is to judge it by."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api.outcome import Outcome
from kelos.tasks.evidence.container import ContainerFacts
from kelos.tasks.evidence.diagnosis import Diagnosis
from kelos.tasks.evidence.facts import PodFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What there is to judge. `was_stopped` means that the controller or the Job's deadline ended the pod.

    `stop` is why the controller did, where it wrote that down.
    """

    pod: PodFacts
    outcome: Outcome | None
    log: str = ""
    was_stopped: bool = False
    stop: Diagnosis | None = None

    @property
    def agent(self) -> ContainerFacts:
        return self.pod.agent

    @property
    def failed_before(self) -> ContainerFacts | None:
        """The init container that kept the agent from starting."""
        if self.agent.has_started:
            return None
        return next((c for c in self.pod.preparation if c.exit_code not in (None, 0) and not c.is_sidecar), None)

    def container(self, container: ContainerFacts) -> str:
        return f"Container '{container.name}' of pod '{self.pod.name}'"

    def log_of(self, container: ContainerFacts) -> str:
        return f"Read its log: kubectl logs {self.pod.name} -c {container.name} -n {self.pod.namespace}"

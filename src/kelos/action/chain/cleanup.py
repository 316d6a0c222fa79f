"""Deletes the step's Tasks where the user wants that, when everything they said is written down."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.action.api.client import Api
from kelos.action.chain.followed import Followed
from kelos.action.conclusion import Conclusion, Ending, name_of, phase_of
from kelos.action.log.console import Console
from kelos.api.kinds import TASK
from kelos.api.reasons import Phase
from kelos.errors import Conflict, Forbidden, KelosError, NotFound

DELETE_SECONDS = 10.0
RULE = 'apiGroups ["kelos.dev"], resources ["tasks"], verbs ["delete"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup:
    """`policy` is the input `cleanup`."""

    api: Api
    namespace: str
    policy: str

    def run(self, tasks: tuple[Followed, ...], ending: Ending, console: Console) -> None:
        """Delete what has ended. That it cannot be is a warning: the run is over, and its result stands."""
        if not self._is_due(ending):
            return
        for one in tasks:
            if one.created is None or phase_of(one.task) not in (Phase.SUCCEEDED, Phase.FAILED):
                continue
            name, uid = name_of(one.task), str(one.task["metadata"].get("uid") or "")
            try:
                self.api.delete(TASK, self.namespace, name, uid=uid, timeout=DELETE_SECONDS)
            except (NotFound, Conflict):
                continue  # gone already, or another one by now
            except Forbidden:
                console.warn(
                    f"Task '{name}' stays, because the cluster forbids to delete it: "
                    f"add to the Role in namespace '{self.namespace}' the rule {RULE}, or use `ttl`"
                )
            except KelosError as error:
                console.warn(f"Task '{name}' stays, because deleting it failed ({error}): `kelos delete task {name}`")
            else:
                console.say(f"Task '{name}' is deleted, as `cleanup: {self.policy}` asks")

    def _is_due(self, ending: Ending) -> bool:
        """Never after a signal: the runner's patience is for ending what still runs."""
        if self.policy == "none" or ending.exit_code == 130:
            return False
        return self.policy == "always" or ending.conclusion is Conclusion.SUCCESS

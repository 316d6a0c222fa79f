"""The gate before everything else: nothing is read, sent or started for somebody who is not trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kelos.action.conclusion import Conclusion, Ending, client_ending
from kelos.action.inputs import ActionInputs
from kelos.action.trust.checkout import check_origin
from kelos.action.trust.event import read_trigger
from kelos.action.trust.permission import Denied, GitHub
from kelos.action.trust.rules import Permission, Policy, Unproven, Untrusted, judge, judge_people
from kelos.api.reasons import ClientReason
from kelos.errors import RemoteError

PUBLIC_API = "https://api.github.com"


def refusal(inputs: ActionInputs, env: Mapping[str, str], sleep: Callable[[float], object]) -> Ending | None:
    """The ending for an event that may not run the agent; None when it may. Outside a runner there is no event."""
    if env.get("GITHUB_ACTIONS") != "true":
        return None
    policy = Policy(
        required=Permission[inputs.required_permission.upper()],
        bots=inputs.allowed_bots,
        allows_target=inputs.allow_pull_request_target,
    )
    trigger = read_trigger(env)
    verdict = judge(trigger, policy, inputs.prompt)
    if isinstance(verdict, Unproven):
        github = GitHub(
            url=env.get("GITHUB_API_URL") or PUBLIC_API,
            repository=trigger.repository,
            token=inputs.github_token,
            env=env,
            sleep=sleep,
        )
        try:
            found = {person.name: github.permission_of(person.name) for person in (*verdict.people, *verdict.authors)}
        except Denied as error:
            return client_ending(ClientReason.NOT_AUTHORIZED, str(error))
        except RemoteError as error:
            return client_ending(ClientReason.API_ERROR, str(error))
        verdict = judge_people(found, policy, verdict.authors)
    if trigger.event == "pull_request_target" and not isinstance(verdict, Untrusted):
        check_origin(inputs, Path(env.get("GITHUB_WORKSPACE") or "."), env.get("GITHUB_SHA", ""))
    return untrusted(verdict, inputs.on_untrusted) if isinstance(verdict, Untrusted) else None


def untrusted(verdict: Untrusted, on_untrusted: str) -> Ending:
    """The ending that the user wants for it."""
    if on_untrusted == "fail":
        return client_ending(ClientReason.NOT_AUTHORIZED, verdict.why)
    return Ending(conclusion=Conclusion.SKIPPED, message=verdict.why)

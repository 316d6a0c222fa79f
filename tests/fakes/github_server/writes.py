"""The routes that change something: comments, check runs, commit statuses."""

from __future__ import annotations

from fakes.github_server import shapes
from fakes.github_server.answers import Answer, Call, Refused
from fakes.github_server.state import Repository, World

LONGEST_BODY = 65536


def create_comment(world: World, call: Call, found: Repository, number: str) -> Answer:
    body = _text(call)
    if found.things.now(int(number)) is None:
        raise Refused(404, "Not Found")
    identity = world.comment(int(number), body, _login(call), repository=found.name)
    return Answer(201, shapes.comment(found.comments.now(identity) or {}, found.name, call.base))


def edit_comment(world: World, call: Call, found: Repository, identity: str) -> Answer:
    said = found.comments.now(int(identity))
    if said is None:
        raise Refused(404, "Not Found")
    changed = {**said, "body": _text(call), "updated_at": world.moment()}
    world.edit(said["number"], repository=found.name)
    found.comments.put(int(identity), world.step, changed)
    return Answer(200, shapes.comment(changed, found.name, call.base))


def delete_comment(world: World, call: Call, found: Repository, identity: str) -> Answer:
    if found.comments.now(int(identity)) is None:
        raise Refused(404, "Not Found")
    found.comments.put(int(identity), world.step, None)
    return Answer(204)


def create_check_run(world: World, call: Call, found: Repository) -> Answer:
    if not call.who.startswith("app:"):
        raise Refused(403, "You must authenticate via a GitHub App.")
    sent = _object(call)
    if not sent.get("name") or not sent.get("head_sha"):
        raise Refused(422, 'Invalid request.\n\n"head_sha", "name" weren\'t supplied.')
    _check(sent)
    run = {**sent, "id": world.new_id(), "started_at": sent.get("started_at") or world.moment()}
    found.check_runs.put(run["id"], world.step, run)
    return Answer(201, shapes.check_run(run, found.name, call.base))


def edit_check_run(world: World, call: Call, found: Repository, identity: str) -> Answer:
    run = found.check_runs.now(int(identity))
    if run is None:
        raise Refused(404, "Not Found")
    if not call.who.startswith("app:"):
        raise Refused(403, "You must authenticate via a GitHub App.")
    sent = _object(call)
    _check(sent)
    changed = {**run, **sent}
    found.check_runs.put(run["id"], world.step, changed)
    return Answer(200, shapes.check_run(changed, found.name, call.base))


def create_status(world: World, call: Call, found: Repository, sha: str) -> Answer:
    sent = _object(call)
    if sent.get("state") not in ("error", "failure", "pending", "success"):
        raise Refused(422, "Validation Failed")
    if len(sent.get("description") or "") > 140:
        raise Refused(422, "Validation Failed: description is too long (maximum is 140 characters)")
    said = {**sent, "id": world.new_id(), "sha": sha, "author": _login(call), "created_at": world.moment()}
    found.statuses.put(said["id"], world.step, said)
    return Answer(201, shapes.status(said, call.base, found.name))


def _check(run: dict[str, object]) -> None:
    """A conclusion ends a run, and a run that has ended has one."""
    if run.get("status") == "completed" and not run.get("conclusion"):
        raise Refused(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')
    if run.get("conclusion") and run.get("status") not in (None, "completed"):
        raise Refused(422, "Invalid request.")
    if run.get("conclusion"):
        run["status"] = "completed"


def _login(call: Call) -> str:
    """Who a comment is of: an App writes as its bot."""
    return "kelos[bot]" if call.who.startswith("app:") else call.who


def _text(call: Call) -> str:
    body = _object(call).get("body")
    if not isinstance(body, str) or not body.strip():
        raise Refused(422, "Validation Failed")
    if len(body) > LONGEST_BODY:
        raise Refused(422, "Validation Failed: body is too long (maximum is 65536 characters)")
    return body


def _object(call: Call) -> dict[str, object]:
    if not call.who:
        raise Refused(401, "Requires authentication")
    if not isinstance(call.body, dict):
        raise Refused(400, "Problems parsing JSON")
    return dict(call.body)

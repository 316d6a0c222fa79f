"""The GET routes."""

from __future__ import annotations

from collections.abc import Iterable

from fakes.github_server import shapes
from fakes.github_server.answers import Answer, Call, Json, Refused, paged
from fakes.github_server.state import Repository, World

NOT_FOUND = "Not Found"


def repository(world: World, call: Call, found: Repository) -> Answer:
    owner = {"login": found.name.partition("/")[0], "type": "Organization"}
    return Answer(200, {"full_name": found.name, "name": found.name.partition("/")[2], "owner": owner, "private": True})


def issues(world: World, call: Call, found: Repository) -> Answer:
    query = call.query
    wanted = [name.lower() for name in query.get("labels", "").split(",") if name]
    chosen = [
        thing
        for thing in _in_state(found.things.listed(world.step, world.lag), query.get("state"))
        if set(wanted) <= {name.lower() for name in thing["labels"]}
        and query.get("creator", thing["author"]).lower() == thing["author"].lower()
        and thing["updated_at"] >= query.get("since", "")
        and _is_assigned(thing, query.get("assignee"))
    ]
    return paged(call, [shapes.issue(thing, found.name, call.base) for thing in _sorted(chosen, call)])


def pulls(world: World, call: Call, found: Repository) -> Answer:
    things = _in_state(found.things.listed(world.step, world.lag), call.query.get("state"))
    chosen = _sorted([thing for thing in things if thing["is_pull"]], call)
    return paged(call, [shapes.pull(thing, found.name, call.base, is_whole=False) for thing in chosen])


def issue(world: World, call: Call, found: Repository, number: str) -> Answer:
    return Answer(200, shapes.issue(_thing(found, number), found.name, call.base))


def pull(world: World, call: Call, found: Repository, number: str) -> Answer:
    return Answer(200, shapes.pull(_pull(found, number), found.name, call.base, is_whole=True))


def comments(world: World, call: Call, found: Repository, number: str) -> Answer:
    _thing(found, number)
    said = [s for s in found.comments.listed(world.step, world.lag) if s["number"] == int(number)]
    said = [s for s in said if s["updated_at"] >= call.query.get("since", "")]
    return paged(call, [shapes.comment(s, found.name, call.base) for s in said])


def comment(world: World, call: Call, found: Repository, identity: str) -> Answer:
    said = found.comments.now(int(identity))
    if said is None:
        raise Refused(404, NOT_FOUND)
    return Answer(200, shapes.comment(said, found.name, call.base))


def reviews(world: World, call: Call, found: Repository, number: str) -> Answer:
    _pull(found, number)
    said = [s for s in found.reviews.listed(world.step, world.lag) if s["number"] == int(number)]
    return paged(call, [shapes.review(s, found.name, call.base) for s in said])


def review_comments(world: World, call: Call, found: Repository, number: str) -> Answer:
    _pull(found, number)
    said = [s for s in found.review_comments.listed(world.step, world.lag) if s["number"] == int(number)]
    return paged(call, [shapes.review_comment(s, found.name, call.base) for s in said])


def files(world: World, call: Call, found: Repository, number: str) -> Answer:
    return paged(call, [shapes.file(path) for path in _pull(found, number)["files"]])


def permission(world: World, call: Call, found: Repository, login: str) -> Answer:
    role = found.roles.get(login)
    if role is None:
        raise Refused(404, f"{login} is not a user")
    plain = {"maintain": "write", "triage": "read"}.get(role, role)
    return Answer(200, {"permission": plain, "role_name": role, "user": shapes.user(login)})


def membership(world: World, call: Call, org: str, slug: str, login: str) -> Answer:
    state = world.teams.get(f"{org}/{slug}", {}).get(login)
    if state is None:
        raise Refused(404, NOT_FOUND)
    return Answer(200, {"state": state, "role": "member", "url": call.path})


def check_runs(world: World, call: Call, found: Repository, sha: str) -> Answer:
    runs = [run for run in found.check_runs.listed(world.step, world.lag) if run["head_sha"] == sha]
    runs = [run for run in runs if call.query.get("check_name", run["name"]) == run["name"]]
    return paged(call, [shapes.check_run(run, found.name, call.base) for run in runs], wrapped_in="check_runs")


def check_run(world: World, call: Call, found: Repository, identity: str) -> Answer:
    run = found.check_runs.now(int(identity))
    if run is None:
        raise Refused(404, NOT_FOUND)
    return Answer(200, shapes.check_run(run, found.name, call.base))


def statuses(world: World, call: Call, found: Repository, sha: str) -> Answer:
    said = [one for one in found.statuses.listed(world.step, world.lag) if one["sha"] == sha]
    return paged(call, [shapes.status(one, call.base, found.name) for one in reversed(said)])


def user(world: World, call: Call) -> Answer:
    if call.who.startswith("app:"):
        raise Refused(403, "Resource not accessible by integration")
    if not call.who:
        raise Refused(401, "Requires authentication")
    return Answer(200, {**(shapes.user(call.who) or {}), "name": call.who})


def _thing(found: Repository, number: str) -> Json:
    thing = found.things.now(int(number))
    if thing is None:
        raise Refused(404, NOT_FOUND)
    return thing


def _pull(found: Repository, number: str) -> Json:
    thing = _thing(found, number)
    if not thing["is_pull"]:
        raise Refused(404, NOT_FOUND)
    return thing


def _in_state(things: Iterable[Json], state: str | None) -> Iterable[Json]:
    return (thing for thing in things if state == "all" or thing["state"] == (state or "open"))


def _is_assigned(thing: Json, assignee: str | None) -> bool:
    if assignee is None:
        return True
    if assignee in ("*", "none"):
        return bool(thing["assignees"]) == (assignee == "*")
    return assignee.lower() in [login.lower() for login in thing["assignees"]]


def _sorted(things: list[Json], call: Call) -> list[Json]:
    field = f"{call.query.get('sort', 'created')}_at"
    is_rising = call.query.get("direction", "desc") == "asc"
    return sorted(things, key=lambda thing: (thing[field], thing["number"]), reverse=not is_rising)

"""What people see at GitHub, from a Task's first moment to its last."""

from __future__ import annotations

import pytest

import make
import reported
from fakes.github_server.answers import Answer
from fakes.github_server.server import TOKEN
from kelos.api import names
from kelos.api.kinds import SECRET, TASK
from kelos.install.rbac import RULES
from kelos.reporting.plan import GIVE_UP_SECONDS
from reporting_stage import Stage, wait
from rights import rights
from simulation.door import Weather
from simulation.scenario import Fault
from virtual_time import VirtualLoop

pytestmark = pytest.mark.anyio

SETTLE = 60.0
"""What was sent has had its effect by then."""
LIMITED = Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "120"})


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


async def test_one_comment_follows_a_task_to_its_end():
    """Accepted, then how it ended; then the Task may go, and says since when."""
    async with Stage() as stage:
        stage.start()
        await stage.create(status={"phase": "Pending"})
        await wait()
        ((comment, first),) = stage.comments().items()
        assert "**accepted**" in first
        assert await stage.is_owed()

        await stage.set_status("shop-bugs-1", reported.running())
        await wait()
        await stage.set_status("shop-bugs-1", reported.succeeded())
        await wait()

        assert [comment] == list(stage.comments())
        assert "**succeeded**" in stage.comments()[comment]
        assert 2 == len(stage.github.asked("POST|PATCH")), "nothing is said twice"
        notes = await stage.notes()
        assert ("succeeded", str(comment)) == (notes["github-report-phase"], notes["github-comment-id"])
        assert "reported-at" in notes
        assert "github-comment-intent" not in notes
        assert not await stage.is_owed()
        assert {("comment", "delivered"): 2} == stage.tally.counts


async def test_what_is_told_already_costs_nothing():
    """A new process finds hundreds of Tasks that all have been reported."""
    told = {"github_report_phase": "succeeded", "github_comment_id": "5"}
    async with Stage() as stage:
        for n in range(200):
            await stage.create(f"done-{n}", status=reported.succeeded(), told=told, finalizers=())
        version = stage.plane.store.version
        stage.start()
        await wait(3600.0)

        assert (version, []) == (stage.plane.store.version, stage.github.calls)


async def test_a_deleted_comment_is_made_again():
    """Somebody tidied up; the end is told all the same."""
    async with Stage() as stage:
        stage.start()
        await stage.create(status=reported.running())
        await wait()
        (comment,) = stage.comments()
        stage.github.delete_comment(comment)
        await stage.set_status("shop-bugs-1", reported.failed())
        await wait()

        ((again, body),) = stage.comments().items()
        assert comment != again
        assert "**failed**" in body
        assert not await stage.is_owed()


async def test_tasks_of_one_item_share_a_comment():
    """Whichever ends last, the newest is on top and none is lost; the next generation finds the comment, too."""
    async with Stage() as stage:
        stage.start()
        for name in ("a-1", "a-2"):
            await stage.create(name, sticky=True, status=reported.running())
            await wait()
        await stage.set_status("a-2", reported.failed())
        await wait()
        await stage.set_status("a-1", reported.succeeded())
        await wait()

        ((comment, body),) = stage.comments().items()
        assert "Task `a-2` has **failed**" in body
        assert "Task `a-1`: succeeded" in body
        searches = stage.github.asked("GET .*/issues/1/comments")
        assert 1 == len(searches), "the comment's number is known to the first Task's siblings"
        for name in ("a-1", "a-2"):
            assert not await stage.is_owed(name)
            await stage.delete(name)

        await stage.create("a-3", sticky=True, status=reported.succeeded())
        await wait()
        assert [comment] == list(stage.comments())
        assert "Task `a-3` has **succeeded**" in stage.comments()[comment]


async def test_an_app_makes_check_runs():
    """In progress, then a conclusion with a summary; one run for the Task."""
    async with Stage(is_app=True) as stage:
        stage.start()
        await stage.create(checks=True, comments=False, status=reported.running())
        await wait()
        (run,) = stage.check_runs()
        assert ("Kelos: shop-bugs", "in_progress") == (run["name"], run["status"])

        await stage.set_status("shop-bugs-1", reported.failed())
        await wait()
        (run,) = stage.check_runs()
        assert ("completed", "failure", reported.SHA) == (run["status"], run["conclusion"], run["head_sha"])
        assert "OOMKilled" in run["output"]["summary"]
        assert ([], {}) == (stage.statuses(), stage.comments())
        assert not await stage.is_owed()


@pytest.mark.parametrize("is_app", [True, False])
async def test_a_check_is_told_of_the_agents_own_commit_too(is_app):
    """A check stays with its commit; a branch that asks for it would be blocked by what the agent itself has pushed."""
    async with Stage(is_app=is_app) as stage:
        number = stage.github.open_pull(sha=reported.SHA)
        stage.start()
        told = {"source_number": str(number)}
        await stage.create(checks=True, comments=False, told=told, status=reported.running())
        await wait()
        pushed = stage.github.push(number)
        await stage.set_status("shop-bugs-1", reported.succeeded(results={"commit": pushed}))
        await wait()

        checks = stage.check_runs() or [one for one in stage.statuses() if one["state"] != "pending"]
        assert [reported.SHA, pushed] == [check.get("head_sha") or check["sha"] for check in checks]
        assert {"success"} == {check.get("conclusion") or check["state"] for check in checks}
        assert not await stage.is_owed()


@pytest.mark.parametrize("commit", ["f" * 40, "main", "../../issues/1/comments"])
async def test_a_commit_of_somebody_else_gets_no_check(commit):
    """Another one is the head by now, or the agent says nonsense: nobody looked at that."""
    async with Stage(is_app=True) as stage:
        number = stage.github.open_pull(sha=reported.SHA)
        stage.start()
        told = {"source_number": str(number)}
        status = reported.succeeded(results={"commit": commit})
        await stage.create(checks=True, comments=False, told=told, status=status)
        await wait()

        assert [reported.SHA] == [run["head_sha"] for run in stage.check_runs()]
        assert not await stage.is_owed()


async def test_a_personal_token_makes_commit_statuses():
    """Check runs are refused to it: found out once, then remembered by the process and by the Task."""
    async with Stage() as stage:
        first = stage.start()
        await stage.create("a-1", checks=True, comments=False, status=reported.running())
        await wait()
        await stage.create("a-2", checks=True, comments=False, told={"source_sha": "2" * 40}, status=reported.running())
        await wait()
        stage.kill(first)
        stage.start()
        for name in ("a-1", "a-2"):
            await stage.set_status(name, reported.succeeded())
        await wait(10.0)

        assert 1 == len(stage.github.asked("POST .*/check-runs"))
        said = [(status["sha"][0], status["state"]) for status in stage.statuses()]
        assert [("1", "pending"), ("2", "pending"), ("1", "success"), ("2", "success")] == said
        assert not await stage.is_owed("a-1")


async def test_an_app_without_the_right_is_told_so():
    """Neither way works: a person must give the permission, and reads which one."""
    async with Stage(is_app=True) as stage:
        refused = Answer(403, {"message": "Resource not accessible by integration"})
        stage.github.fail(refused, path="POST .*/(check-runs|statuses)", times=2)
        stage.start()
        await stage.create(checks=True, comments=False, status=reported.running())
        await wait()
        (event,) = await stage.events()
        assert event.startswith(
            "ReportFailed: The check could not be written: GitHub does not let Secret 'git' write to"
        )
        assert "/repos/acme/shop/check-runs" in event

        await wait(SETTLE * 2)
        assert ["pending"] == [status["state"] for status in stage.statuses()] or stage.check_runs()


async def test_channels_fail_each_by_itself():
    """A locked thread takes no comments; the check that blocks a merge is told all the same."""
    async with Stage(is_app=True) as stage:
        locked = Answer(403, {"message": "Unable to create comment because issue is locked."})
        stage.github.fail(locked, path="POST .*/comments", times=1000)
        stage.start()
        await stage.create(checks=True, status=reported.succeeded())
        await wait()

        assert ["success"] == [run["conclusion"] for run in stage.check_runs()]
        assert await stage.is_owed(), "the comment is still owed"
        assert any("issue is locked" in event for event in await stage.events())
        await wait(GIVE_UP_SECONDS * 1.2)
        assert not await stage.is_owed()
        assert ("given up", "succeeded") == (
            (await stage.notes())["github-report-phase"],
            (await stage.notes())["github-check-report-phase"],
        )
        assert any(
            event.startswith("ReportGivenUp: The last comment was not written") for event in await stage.events()
        )
        assert 1 == stage.tally.counts["comment", "given up"]
        assert [] == stage.log.broken


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_lost_answer_is_not_taken_for_a_no(is_done):
    """Nobody knows whether GitHub did it: it is looked for once that is settled, and only then made again."""
    async with Stage() as stage:
        stage.github.fail(Answer(lost=is_done, drop=not is_done), path="POST")
        stage.start()
        await stage.create(status=reported.succeeded())
        await wait(SETTLE - 5)
        assert (1, 1) == (len(stage.github.asked("POST")), 1)
        await wait(SETTLE)

        (body,) = stage.comments().values()
        assert "**succeeded**" in body
        assert (1 if is_done else 2) == len(stage.github.asked("POST"))
        assert not await stage.is_owed()


async def test_a_lost_answer_about_a_status_is_not_one_status_more():
    async with Stage() as stage:
        stage.github.fail(Answer(lost=True), path="POST .*/statuses")
        stage.start()
        await stage.create(checks=True, comments=False, status=reported.succeeded())
        await wait(SETTLE * 2)

        assert ["success"] == [status["state"] for status in stage.statuses()]
        assert not await stage.is_owed()


async def test_nobody_hears_of_a_task_before_its_making_is_noted():
    """Until then it may be taken back, because it came too late; nor is its end lost."""
    async with Stage() as stage:
        stage.start()
        both = (names.FINALIZER_REPORT, names.FINALIZER_SPAWNED)
        await stage.create(finalizers=both, status=reported.succeeded())
        await wait(60.0)
        assert ([], True) == (stage.github.calls, await stage.is_owed())

        body = {"metadata": {"finalizers": [names.FINALIZER_REPORT]}}
        await stage.cluster.patch(TASK, make.NAMESPACE, "shop-bugs-1", body)
        await wait(60.0)
        assert 1 == len(stage.comments())
        assert not await stage.is_owed()


async def test_a_secret_that_is_missing_is_waited_for():
    """Nothing is sent without it, an event says so, and a new one is used at once."""
    async with Stage() as stage:
        await stage.cluster.delete(SECRET, make.NAMESPACE, "git")
        stage.start()
        await stage.create(status=reported.succeeded())
        await wait(60.0)
        assert ["ReportFailed: The comment could not be written: Secret 'git' does not exist; create it"] == (
            await stage.events()
        )
        assert ([], True) == (stage.github.calls, await stage.is_owed())

        await stage.add_secret()
        await wait(900.0)
        assert 1 == len(stage.comments())
        assert not await stage.is_owed()


@pytest.mark.parametrize(
    "workspace",
    [
        make.workspace_manifest(repo="https://git.elsewhere.example/acme/shop", secretRef={"name": "git"}),
        make.workspace_manifest(secretRef={"name": "another"}),
        make.workspace_manifest(repo="no address", secretRef={"name": "git"}),
    ],
    ids=["of another host", "with another Secret", "of nothing"],
)
async def test_a_secret_is_shown_only_where_a_workspace_shows_it(workspace):
    """Whoever may change a Task's annotations could else send a token anywhere."""
    async with Stage() as stage:
        stage.workspaces = [workspace]
        stage.start()
        await stage.create(status=reported.succeeded())
        await wait(60.0)

        assert ([], True) == (stage.github.calls, await stage.is_owed())
        assert any("No Workspace uses Secret 'git'" in event for event in await stage.events())


@pytest.mark.parametrize("known", [{"source_secret": ""}, {"source_api_url": ""}, {"source_repository": ""}])
async def test_a_task_that_says_too_little_is_let_go(known):
    """There is nobody to report to, or as; waiting would not change that."""
    async with Stage() as stage:
        stage.start()
        await stage.create(told=known, status=reported.running())
        await wait(60.0)
        assert await stage.is_owed()
        await stage.set_status("shop-bugs-1", reported.succeeded())
        await wait()

        assert not await stage.is_owed()
        assert [] == stage.github.calls
        assert any(event.startswith("ReportGivenUp: ") for event in await stage.events())


async def test_a_deleted_task_is_told_of_before_it_goes():
    """It ran when somebody deleted it: its comment does not say "accepted" for ever, nor does its check block."""
    async with Stage(is_app=True) as stage:
        stage.start()
        await stage.create(checks=True, status=reported.running())
        await wait()
        await stage.delete("shop-bugs-1")
        await wait()

        (body,) = stage.comments().values()
        assert "The Task was deleted before it ended" in body
        assert ["failure"] == [run["conclusion"] for run in stage.check_runs()]
        assert await stage.task() is None


async def test_deleting_does_not_wait_long_for_a_github_that_is_away():
    async with Stage() as stage:
        stage.start()
        await stage.create(status=reported.running())
        await wait()
        stage.github.fail(Answer(502), times=100_000)
        await stage.delete("shop-bugs-1")
        await wait(300.0)
        assert await stage.task() is not None
        await wait(1500.0)

        assert await stage.task() is None
        assert any(event.startswith("ReportGivenUp: ") for event in await stage.events())


async def test_limits_are_kept():
    """GitHub says when to come back; until then nobody knocks."""
    async with Stage() as stage:
        stage.github.fail(LIMITED, path="POST")
        stage.start()
        await stage.create(status=reported.succeeded())
        await wait(119.0)
        assert 1 == len(stage.github.calls)
        await wait(60.0)

        assert 1 == len(stage.comments())


async def test_writes_of_one_account_are_a_second_apart():
    """Fifty Tasks end together: no crowd at GitHub's door, and no worker who waits for its turn."""
    async with Stage() as stage:
        stage.github.writes_a_minute = 61
        stage.start()
        for n in range(50):
            await stage.create(f"a-{n}", status=reported.succeeded())
        await wait(25.0)
        assert 24 <= len(stage.comments()) <= 27
        await wait(30.0)

        assert 50 == len(stage.comments())
        assert 50 == len(stage.github.asked("POST"))


async def test_a_finalizer_without_reports_is_taken_off():
    """Reporting was switched off on the Task: nothing holds it."""
    async with Stage() as stage:
        stage.start()
        await stage.create(comments=False, status=reported.running())
        await wait()

        assert not await stage.is_owed()
        assert [] == stage.github.calls


async def test_its_rights_are_enough():
    """Everything it asks of the API server, failures and events included, is in the controller's role."""
    async with Stage() as stage:
        stage.github.fail(Answer(403, {"message": "no"}))
        stage.start()
        await stage.create(checks=True, status=reported.succeeded())
        await wait(120.0)

        assert not await stage.is_owed()
        assert ("", "events", "create") in stage.used
        assert set() == stage.used - rights(RULES)


async def test_the_token_is_nowhere():
    """Neither in events, nor on Tasks, nor in logs, whatever fails."""
    async with Stage() as stage:
        for status in (401, 403, 404, 422, 500):
            stage.github.fail(Answer(status, {"message": f"no {TOKEN}"[:3]}))
        stage.start()
        await stage.create(checks=True, status=reported.succeeded())
        await wait(3600.0)

        everything = f"{await stage.events()} {await stage.task()} {stage.log.lines} {stage.log.broken}"
        assert "Report failed" in everything
        assert TOKEN not in everything
        assert not await stage.is_owed()


async def test_what_a_dead_reporter_has_sent_is_waited_for():
    """Its comment is still on its way when the next one looks; made again at once there would be two."""
    slow = True

    async def wire(request):
        if slow and request.method == "POST":
            await wait(25.0)
        return stage.answer(request)

    async with Stage(wire=wire) as stage:
        first = stage.start()
        await stage.create(status=reported.succeeded())
        await wait()
        stage.kill(first)
        slow = False
        stage.start()
        await wait(SETTLE * 2)

        assert 1 == len(stage.comments())
        assert not await stage.is_owed()


@pytest.mark.parametrize("is_app", [True, False])
@pytest.mark.parametrize("step", range(1, 13))
async def test_a_report_survives_a_crash_after_each_step(step, is_app):
    """Whatever was written last, to the API server or to GitHub: another process says the rest, and only that."""
    left = step

    def die() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            stage.kill(stage.processes[0])

    async def wire(request):
        answer = stage.answer(request)
        if request.method != "GET" and not request.url.path.endswith("/access_tokens"):
            die()
        return answer

    async with Stage(is_app=is_app, wire=wire) as stage:
        stage.start().door.arrived = lambda _: die()
        await stage.create(checks=True, status=reported.running())
        await wait(10.0)
        await stage.set_status("shop-bugs-1", reported.failed())
        await wait(10.0)
        if not stage.processes:
            stage.start()
        await wait(SETTLE * 3)

        assert not await stage.is_owed()
        assert 1 == len(stage.comments())
        assert "**failed**" in "".join(stage.comments().values())
        ends = [run["conclusion"] for run in stage.check_runs()] + [status["state"] for status in stage.statuses()]
        assert ["failure"] == [end for end in ends if end != "pending"]
        assert ends.count("pending") <= 1


async def test_of_two_reporters_one_speaks():
    """A leader that does not know yet that it is none sees the same Task at the same moment."""
    async with Stage(is_app=True) as stage:
        stage.start()
        stage.start()
        await stage.create(checks=True, status=reported.running())
        await wait(SETTLE * 2)
        await stage.set_status("shop-bugs-1", reported.failed())
        await wait(SETTLE * 2)

        assert (1, 1) == (len(stage.comments()), len(stage.check_runs()))
        assert "**failed**" in "".join(stage.comments().values())


async def test_an_old_view_takes_nothing_back():
    """A reporter whose cache stands still believes that the older Task runs, and has news of the newer one."""
    async with Stage() as stage:
        old = stage.start()
        await stage.create("a-1", sticky=True, status=reported.running())
        await wait(2.0)
        stage.github.fail(Answer(502), path="PATCH")
        await stage.create("a-2", sticky=True, status=reported.running())
        await wait(0.5)
        old.door.weather = Weather([Fault(at=0.0, until=900.0, what="frozen cache", amount=1.0)])
        stage.start()
        await wait(0.5)
        await stage.set_status("a-1", reported.succeeded())
        await wait(1.0)
        await wait(600.0)

        (body,) = stage.comments().values()
        assert "Task `a-1`: succeeded" in body


async def test_an_intent_that_has_become_old_is_not_carried_out():
    """While it looked for the comment its time went by, and another reporter has made one."""
    is_first = True

    async def wire(request):
        nonlocal is_first
        if request.method == "GET" and is_first:
            is_first = False
            answer = stage.answer(request)
            await wait(80.0)
            return answer
        return stage.answer(request)

    async with Stage(wire=wire) as stage:
        stage.start()
        await stage.create("a-1", sticky=True, status=reported.succeeded())
        await wait(2.0)
        stage.start()
        await wait(SETTLE * 4)

        assert 1 == len(stage.comments())
        assert not await stage.is_owed("a-1")

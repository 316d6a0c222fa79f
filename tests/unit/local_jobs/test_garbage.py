"""What becomes of an object, by what became of its owners."""

from datetime import timedelta

import pytest

from kelos.api.kinds import CONFIG_MAP
from kelos.local.garbage.decide import Delete, Disown, Release, SetFree, Standing, Visit, decide
from kelos.local.garbage.expiry import expires_in
from kelos.local.garbage.graph import FOREGROUND, ORPHAN, Graph, Item, Owner

from .make_jobs import NOW, job

SOLID, WAITING, ABSENT, UNKNOWN = Standing.SOLID, Standing.WAITING, Standing.ABSENT, Standing.UNKNOWN


def item(name: str, *owners: str, blocks: bool = True, finalizers: tuple[str, ...] = (), going: bool = False) -> Item:
    return Item(
        kind=CONFIG_MAP,
        namespace="team",
        name=name,
        uid=name,
        owners=tuple(Owner(group="", kind="ConfigMap", name=each, uid=each, blocks=blocks) for each in owners),
        finalizers=finalizers,
        is_deleting=going,
    )


def graph(*items: Item) -> Graph:
    found = Graph()
    for each in items:
        found.put(each)
    return found


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        ([SOLID], None),
        ([ABSENT], Delete(propagation="Background")),
        ([WAITING], Delete(propagation="Background")),
        ([UNKNOWN], None),
        ([SOLID, ABSENT], Disown(owners=("o1",))),
        ([SOLID, WAITING], Disown(owners=("o1",))),
        ([ABSENT, ABSENT], Delete(propagation="Background")),
        ([ABSENT, UNKNOWN], None),
        ([SOLID, UNKNOWN, ABSENT], None),
    ],
)
def test_an_object_lives_as_long_as_one_owner(standings: list[Standing], expected: object) -> None:
    """And nothing is deleted on hearsay: an owner of an unknown kind may well exist."""
    owned = item("child", *(f"o{number}" for number in range(len(standings))))

    found = decide(owned, graph(owned), {f"o{number}": each for number, each in enumerate(standings)})

    assert expected == found


def test_foreground_goes_down_the_chain() -> None:
    """A dependent with dependents of its own waits for these, too."""
    child, grandchild = item("child", "owner"), item("grandchild", "child")

    assert Delete(propagation="Foreground") == decide(child, graph(child, grandchild), {"owner": WAITING})


def test_an_object_keeps_its_wish_to_orphan() -> None:
    """Its finalizer says what its own dependents are to become."""
    child = item("child", "owner", finalizers=(ORPHAN,))

    assert Delete(propagation="Orphan") == decide(child, graph(child), {"owner": ABSENT})


def test_an_owner_in_the_foreground_sends_for_its_dependents() -> None:
    """Those that are going already need no visit."""
    owner = item("owner", finalizers=(FOREGROUND,), going=True)
    child, going = item("child", "owner"), item("going", "owner", going=True)

    assert Visit(dependents=(child,)) == decide(owner, graph(owner, child, going), {})


@pytest.mark.parametrize("children", [(), (item("child", "owner", blocks=False),)])
def test_an_owner_goes_when_nothing_blocks_it(children: tuple[Item, ...]) -> None:
    """No dependents, or none that asked to be waited for."""
    owner = item("owner", finalizers=(FOREGROUND,), going=True)

    assert Release(finalizer=FOREGROUND) == decide(owner, graph(owner, *children), {})


def test_an_orphaning_owner_sets_its_dependents_free() -> None:
    """Before it goes itself."""
    owner, child = item("owner", finalizers=(ORPHAN,), going=True), item("child", "owner")

    assert SetFree(dependents=(child,)) == decide(owner, graph(owner, child), {})


def test_what_goes_already_is_left_alone() -> None:
    """Its finalizers are somebody else's."""
    assert decide(item("child", "owner", going=True), graph(), {"owner": ABSENT}) is None


def test_the_graph_forgets_references_that_were_dropped() -> None:
    """A disowned object is nobody's dependent."""
    found = graph(item("child", "owner"))
    found.put(item("child"))

    assert [] == list(found.dependents("owner"))


@pytest.mark.parametrize(("ttl", "expected"), [(None, None), (0, timedelta()), (60, timedelta(seconds=60))])
def test_a_finished_job_stays_for_its_ttl(ttl: int | None, expected: timedelta | None) -> None:
    """Counted from its end; for ever without one."""
    ended = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-02-07T09:00:00Z"}

    assert expected == expires_in(job(ttlSecondsAfterFinished=ttl, status={"conditions": [ended]}), NOW)


def test_a_running_job_does_not_expire() -> None:
    """The clock starts at its end."""
    assert expires_in(job(ttlSecondsAfterFinished=0), NOW) is None

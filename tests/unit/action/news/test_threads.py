"""A thread that ends by a fault of ours must not leave the step waiting for news that nobody brings."""

from queue import SimpleQueue

from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.news.events import Broken, Event, Warned
from kelos.action.news.threads import Threads

WORDS_FROM_OUTSIDE = "::error::words from outside"


class FaultyApi:
    def __getattr__(self, name: str):
        raise ValueError(WORDS_FROM_OUTSIDE)


def test_a_follower_with_a_fault_ends_the_following():
    """Its place is said, and no word of what it had read."""
    events: SimpleQueue[Event] = SimpleQueue()
    threads = Threads(ActionInputs(), Workflow(), "ci", FaultyApi(), events.put)

    threads.follow({"metadata": {"namespace": "ci", "name": "t"}})
    first, second = (events.get(timeout=10) for _ in range(2))
    threads.stop()

    assert isinstance(first, Warned)
    assert "ValueError at test_threads.py:" in first.text
    assert isinstance(second, Broken)
    assert "cannot be followed" in str(second.error)
    assert WORDS_FROM_OUTSIDE not in first.text + str(second.error)

"""A client is silent only as far as the controller can know."""

from __future__ import annotations

import pytest

import make
from kelos.api.names import ANNOTATION_LEASE
from kelos.controllers.client_leases import ClientLeases


class Moment:
    """The controller's monotonic clock, and since when the API has answered."""

    def __init__(self):
        self.now = 1000.0
        self.in_touch_since = 900.0

    def leases(self):
        return ClientLeases(lambda: self.now, lambda: self.in_touch_since)


@pytest.fixture
def moment():
    return Moment()


def task(count=0, **spec):
    lease = f'{{"holder":"run 1","count":{count},"seconds":60}}'
    return make.task(meta={"annotations": {ANNOTATION_LEASE: lease}}, **spec)


def test_silence_counts_from_when_the_lease_was_seen_to_move(moment):
    leases = moment.leases()
    leases.silence(task(1))
    moment.now += 50

    assert (50, 0) == (leases.silence(task(1)), leases.silence(task(2)))


def test_a_new_controller_counts_from_its_first_look(moment):
    moment.leases().silence(task())
    moment.now += 500

    assert 0 == moment.leases().silence(task())


def test_nobody_is_silent_while_the_api_turns_us_away(moment):
    leases = moment.leases()
    leases.silence(task())
    moment.now += 500
    moment.in_touch_since = None

    assert 0 == leases.silence(task())


def test_after_an_outage_every_lease_has_a_full_period(moment):
    leases = moment.leases()
    leases.silence(task())
    moment.now += 500
    moment.in_touch_since = moment.now - 20

    assert 20 == leases.silence(task())


def test_a_lease_that_could_not_be_read_starts_afresh(moment):
    leases = moment.leases()
    leases.silence(task())
    moment.now += 500
    leases.start_afresh(task())
    moment.now += 5

    assert 5 == leases.silence(task())


def test_a_task_of_the_same_name_is_another_client(moment):
    leases = moment.leases()
    leases.silence(task())
    moment.now += 500
    other = make.task(meta={**task().meta.model_dump(by_alias=True, include={"annotations"}), "uid": "uid-other"})

    assert 0 == leases.silence(other)


def test_a_task_without_a_lease_has_no_silence(moment):
    assert moment.leases().silence(make.task()) is None

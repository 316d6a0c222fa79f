"""Every item of every source has the variables that templates are checked for, and no other."""

from __future__ import annotations

import pytest

import make
from kelos.api.other_sources import Cron
from kelos.api.work_item import VARIABLES, Sighting, Trigger
from kelos.sources.cron import CronSource, Schedule
from kelos.sources.github.items.build import Discussion, build_item
from kelos.sources.github.items.records import Kind, read_record
from kelos.sources.github.items.where import find_where
from kelos.sources.jira.issues import variables

pytestmark = pytest.mark.anyio


def test_an_issue_and_a_pull_request():
    """GitHub tells next to nothing of these."""
    for kind in Kind:
        payload = {"number": 7}
        record, where = read_record(payload, kind), find_where("https://github.com/acme/shop.git", "")
        item = build_item(payload, record, Sighting(key="7"), where, said=Discussion(), trigger=Trigger())

        assert VARIABLES == tuple(item.variables)


def test_an_issue_of_jira():
    assert VARIABLES == tuple(variables("ENG-1", {}, "", "https://jira"))


async def test_a_tick():
    source = CronSource(Cron(schedule="@daily"), Schedule(now=make.NOW, since=make.NOW))
    item = await source.read(Sighting(key="20260207-0900"))

    assert item is not None
    assert VARIABLES == tuple(item.variables)

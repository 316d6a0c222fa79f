"""No agent outlives its workflow by more than we promise, however the workflow ends: a few seeds of `orphans.py`.

`make soak-action` plays many more.
"""

from orphans import MISHAPS, play_all, playground, story_of

SEEDS = (7, 8, 17, 28, 29, 34, 36, 47, 67)
"""Every mishap, both modes, and every wire but one."""


def test_no_agent_outlives_its_workflow_for_long():
    """Cancelled, killed, cut off, out of time: handler, reaper or lease ends it, and nothing runs twice."""
    with playground(len(SEEDS)) as (cluster, folder):
        verdicts = play_all(SEEDS, cluster, folder)

    print(*verdicts, sep="\n")
    assert [] == [str(verdict) for verdict in verdicts if verdict.problem]
    assert len(SEEDS) / 2 < len([verdict for verdict in verdicts if verdict.had_agent]), verdicts


def test_a_seed_tells_the_same_story_again():
    """What was found once can be looked at again."""
    stories = [story_of(seed) for seed in SEEDS]

    assert stories == [story_of(seed) for seed in SEEDS]
    assert {*MISHAPS} == {story.mishap for story in stories}
    assert {"cluster", "local"} == {story.mode for story in stories}

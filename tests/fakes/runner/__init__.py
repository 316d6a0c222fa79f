"""What composite actions meet of GitHub's runner. The parsers follow the runner's own, character by character."""

from .commands import Command, commands, obeyed
from .files import parse_outputs
from .job import ROOT, Job, Result

__all__ = ["ROOT", "Command", "Job", "Result", "commands", "obeyed", "parse_outputs"]

"""What the end-to-end tests share."""

from .installation import installation, installed
from .interruption import place
from .servers.git import git_host, github_host, moved_git_host, other_git_host

__all__ = ["git_host", "github_host", "installation", "installed", "moved_git_host", "other_git_host", "place"]

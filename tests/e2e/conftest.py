"""What the end-to-end tests share."""

from .installation import installation, installed
from .servers.git import git_host, other_git_host

__all__ = ["git_host", "installation", "installed", "other_git_host"]

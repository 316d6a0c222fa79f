"""What the end-to-end tests share."""

from .installation import installation, installed

__all__ = ["installation", "installed"]

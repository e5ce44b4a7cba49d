"""A small process supervisor: starts children, shows what they say, restarts what dies, leaves no orphan."""

from healthmgr.supervisor.child import Account, Child
from healthmgr.supervisor.console import Console
from healthmgr.supervisor.leftovers import FolderLock, PidFiles
from healthmgr.supervisor.pulse import PulseWatch
from healthmgr.supervisor.supervisor import Supervisor

__all__ = ["Account", "Child", "Console", "FolderLock", "PidFiles", "PulseWatch", "Supervisor"]

"""A small fleet to break and mend, and a mailbox on this machine, so that a newcomer sees healthmgr at work."""

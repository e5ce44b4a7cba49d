"""The words of healthmgr and the pure decisions about them: no I/O, no clock."""

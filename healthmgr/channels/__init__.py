"""Channels: one file each way to reach a person, found through healthmgr.channels."""

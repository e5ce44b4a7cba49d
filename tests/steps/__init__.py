"""Tests of the kinds of step that come with healthmgr."""

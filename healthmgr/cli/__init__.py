"""The healthmgr command."""

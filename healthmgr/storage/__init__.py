"""PostgreSQL rows, repositories and migrations."""

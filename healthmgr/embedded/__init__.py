"""PostgreSQL and Redis for a machine that has neither: the same programs as in production, in the data folder."""

from healthmgr.embedded.servers import EmbeddedServers, Endpoints

__all__ = ["EmbeddedServers", "Endpoints"]

"""How other services reach healthmgr over HTTP: results, signs of life, and probes that they wait for."""

from __future__ import annotations

from healthmgr.client.asynchronous import AsyncClient
from healthmgr.client.synchronous import Client, ClientError, ping_address

__all__ = ["AsyncClient", "Client", "ClientError", "ping_address"]

"""What Redis tells of itself with INFO: as metrics, and as faults that are seen in no answer to PING."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_METRICS = {
    "used_memory": "used_memory",
    "fragmentation": "mem_fragmentation_ratio",
    "connected_clients": "connected_clients",
    "blocked_clients": "blocked_clients",
    "rejected_connections": "rejected_connections",
    "evicted_keys": "evicted_keys",
    "expired_keys": "expired_keys",
    "ops": "instantaneous_ops_per_sec",
    "uptime": "uptime_in_seconds",
    "changes_since_save": "rdb_changes_since_last_save",
    "replicas": "connected_slaves",
}
_DATABASE = re.compile(r"db\d+")
_REPLICA = re.compile(r"slave\d+")
_STORED = {
    "rdb_last_bgsave_status": "the last snapshot",
    "aof_last_write_status": "the last write of the append-only file",
    "aof_last_bgrewrite_status": "the last rewrite of the append-only file",
}


def metrics_of(info: Mapping[str, Any], now: datetime) -> dict[str, float]:
    """The numbers of INFO in base units; what a server does not tell is left out."""
    metrics = {ours: float(info[theirs]) for ours, theirs in _METRICS.items() if _is_number(info.get(theirs))}
    hits, misses = float(info.get("keyspace_hits", 0)), float(info.get("keyspace_misses", 0))
    if hits + misses > 0:
        metrics["hit_rate"] = 100.0 * hits / (hits + misses)
    if float(info.get("maxmemory", 0)) > 0 and "used_memory" in metrics:
        metrics["memory_usage"] = 100.0 * metrics["used_memory"] / float(info["maxmemory"])
    metrics["keys"] = float(sum(database.get("keys", 0) for database in _tables(info, _DATABASE)))
    if _is_number(info.get("rdb_last_save_time")):
        metrics["save_age"] = max(0.0, now.timestamp() - float(info["rdb_last_save_time"]))
    if any(name in info for name in _STORED):
        metrics["persistence_ok"] = 0.0 if any(unsaved(info)) else 1.0
    return metrics | _replication(info)


def _replication(info: Mapping[str, Any]) -> dict[str, float]:
    """Of a primary how far its slowest replica is behind, in bytes and seconds; of a replica its link."""
    if is_replica(info):
        metrics = {"link_up": float(info.get("master_link_status") == "up")}
        if _is_number(info.get("master_last_io_seconds_ago")) and info["master_last_io_seconds_ago"] >= 0:
            metrics["replication_lag"] = float(info["master_last_io_seconds_ago"])
        if _is_number(info.get("master_link_down_since_seconds")):
            metrics["link_down_for"] = max(0.0, float(info["master_link_down_since_seconds"]))
        if _is_number(info.get("master_sync_left_bytes")):
            metrics["replication_lag_bytes"] = max(0.0, float(info["master_sync_left_bytes"]))
        elif _is_number(info.get("slave_read_repl_offset")):  # from Redis 7 on
            metrics["replication_lag_bytes"] = float(info["slave_read_repl_offset"] - info["slave_repl_offset"])
        return metrics
    replicas = list(_tables(info, _REPLICA))
    if not replicas:
        return {}
    written = float(info.get("master_repl_offset", 0))
    return {
        "replication_lag_bytes": max(max(0.0, written - float(replica.get("offset", 0))) for replica in replicas),
        "replication_lag": max(max(0.0, float(replica.get("lag", 0))) for replica in replicas),
    }


def is_replica(info: Mapping[str, Any]) -> bool:
    """Whether it follows another server; Redis still says "slave" here."""
    return info.get("role") == "slave"


def unsaved(info: Mapping[str, Any]) -> Iterator[str]:
    """What of the data did not reach the disk."""
    for name, what in _STORED.items():
        if info.get(name, "ok") != "ok":
            yield f"{what} failed"


def _tables(info: Mapping[str, Any], names: re.Pattern[str]) -> Iterator[Mapping[str, Any]]:
    return (value for name, value in info.items() if names.fullmatch(name) and isinstance(value, Mapping))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

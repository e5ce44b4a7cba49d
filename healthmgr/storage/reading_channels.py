"""Channels as people read them; `reading.Reading` opens the connection."""

from __future__ import annotations

from sqlalchemy import Connection, text

from healthmgr.views import ChannelView

# Only what the latest notifications met: bounded, however long the ledger is.
_CHANNELS = text("""
WITH latest AS (
    SELECT id, channel FROM notifications ORDER BY position DESC LIMIT 2000
), met AS (
    SELECT l.channel, d.outcome, COALESCE(d.finished_at, d.started_at) AS at, d.detail
    FROM latest l JOIN deliveries d ON d.notification_id = l.id
), accepted AS (
    SELECT channel, max(at) AS at FROM met WHERE outcome = 'accepted' GROUP BY channel
), failed AS (
    SELECT DISTINCT ON (channel) channel, at, detail FROM met WHERE outcome IN ('refused', 'retry', 'unknown')
    ORDER BY channel, at DESC
)
SELECT c.name, c.kind, c.is_enabled, c.max_concurrency, c.managed_by,
       accepted.at AS last_accepted_at, failed.at AS last_failed_at, COALESCE(failed.detail, '') AS last_fault
FROM channels c
LEFT JOIN accepted ON accepted.channel = c.name
LEFT JOIN failed ON failed.channel = c.name
ORDER BY NOT c.is_enabled, c.name
""")


def channels(connection: Connection) -> list[ChannelView]:
    """All channels, those in use first, with what the latest 2,000 notifications met on them."""
    return [ChannelView.model_validate(row) for row in connection.execute(_CHANNELS).mappings()]

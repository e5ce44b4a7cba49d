"""healthmgr: health checks, alerting, on-call and recovery on Celery."""

__version__ = "0.1.0"

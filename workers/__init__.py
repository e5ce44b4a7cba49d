"""The Celery side: the app, the scheduler of beat, and one module of thin tasks per queue."""

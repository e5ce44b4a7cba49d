"""`make bench`: what this machine does in a second, ours beside the naive design and bare Celery, in one run."""

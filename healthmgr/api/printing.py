"""The OpenAPI document on a terminal: `healthmgr openapi`."""

from __future__ import annotations

import json
import sys

from healthmgr.api.app import document


def openapi() -> None:
    """Print the OpenAPI document of the API, which clients can be made from; nothing has to run."""
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")

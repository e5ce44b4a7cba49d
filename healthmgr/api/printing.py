"""The OpenAPI document on a terminal: `healthmgr openapi`."""

from __future__ import annotations

import importlib
import json
import sys


def openapi() -> None:
    """Print the OpenAPI document of the API, which clients can be made from; nothing has to run."""
    app = importlib.import_module("healthmgr.api.app")  # what no other command needs is loaded here
    sys.stdout.write(json.dumps(app.document(), indent=2) + "\n")

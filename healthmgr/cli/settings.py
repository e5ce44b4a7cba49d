"""`healthmgr settings`."""

from __future__ import annotations

from dataclasses import asdict

from healthmgr.cli.opening import load_settings
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, print_json, print_lines, print_table
from healthmgr.views_settings import effective


def settings(as_json: Json = False) -> None:
    """Show every setting as it holds here, and where its value came from. Secrets are not shown.

    Exit codes: 0 the settings can be used, 2 they cannot.
    """
    found = list(effective(load_settings()))
    if as_json:
        print_json({"settings": [asdict(setting) for setting in found]})
        return
    columns = (Column("setting"), Column("value", is_flexible=True, is_wrapped=True), Column("from"))
    print_table(columns, [(setting.name, setting.text, setting.source) for setting in found])
    print_lines("Lengths without a unit: ms for variables and keys of the settings file, minutes under escalation.")

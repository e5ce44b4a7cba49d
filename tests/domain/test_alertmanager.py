"""Our alerts and routes as Alertmanager's API tells of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.alertmanager import configuration, label_fingerprint, receiver_names
from healthmgr.domain.directory import Directory, Receiver
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.routing_tree import Options, Route


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        # From the tests of prometheus/common (model/signature_test.go, TestMetricToFingerprint).
        ({}, 14695981039346656037),
        ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346),
        # As Alertmanager 0.25 answered.
        ({"alertname": "Dön", "service": "shop", "job": "x"}, 0x4B4C9BC9910A6F5B),
    ],
)
def test_a_set_of_labels_has_the_fingerprint_that_alertmanager_gives_it(labels: dict[str, str], number: int) -> None:
    assert label_fingerprint(labels) == f"{number:016x}"


def test_the_tree_becomes_a_configuration_that_inherits_as_it_does() -> None:
    root = Route(
        name="default",
        to=("alice", "bob"),
        via=("mail",),
        options=Options(group_by=("...",), group_interval=timedelta(seconds=90), repeat_interval=timedelta(hours=36)),
        routes=(
            Route(name="shop", matchers=parse_matchers('service="shop", severity=~"high|critical"'), continues=True),
            Route(name="night", receiver="pager", options=Options(group_wait=timedelta(milliseconds=1500))),
        ),
    )
    directory = Directory(root, {"pager": Receiver("pager", ("bob",), ("sms",)), "spare": Receiver("spare", (), ())})
    inherited = {"group_by": ["..."], "group_interval": "90s", "repeat_interval": "36h"}
    assert configuration(directory)["route"] == {
        "receiver": "alice+bob via mail",
        **inherited,
        "routes": [
            {
                "receiver": "alice+bob via mail",
                "matchers": ['service="shop"', 'severity=~"high|critical"'],
                "continue": True,
                **inherited,
            },
            {"receiver": "pager", "matchers": [], "continue": False, "group_wait": "1500ms", **inherited},
        ],
    }
    assert receiver_names(directory) == ["alice+bob via mail", "pager", "spare"]

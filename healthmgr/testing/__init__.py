"""What authors of check types, channels and steps test theirs with. It needs no test framework; assertions are plain.

`FakeClock` moves by hand; `HttpTarget` is a real HTTP server on loopback; `probe` and `probe_context` call a check
type as a worker does, `run_step` and `step_context` a step; `RecordingChannel` keeps what it is sent; `make_message`,
`make_whole_message` and `make_alert` make something to send; `assert_check_type_contract`, `assert_channel_contract`
and `assert_step_type_contract` hold a class to what every plugin owes.
"""

from __future__ import annotations

from healthmgr.testing.channel import RecordingChannel, Sent
from healthmgr.testing.channel_contract import assert_channel_contract
from healthmgr.testing.check_contract import assert_check_type_contract
from healthmgr.testing.clock import FakeClock
from healthmgr.testing.messages import make_alert, make_message, make_whole_message
from healthmgr.testing.probing import probe, probe_context
from healthmgr.testing.step_contract import assert_step_type_contract
from healthmgr.testing.stepping import run_step, step_context
from healthmgr.testing.target import HttpTarget, Seen

__all__ = [
    "FakeClock",
    "HttpTarget",
    "RecordingChannel",
    "Seen",
    "Sent",
    "assert_channel_contract",
    "assert_check_type_contract",
    "assert_step_type_contract",
    "make_alert",
    "make_message",
    "make_whole_message",
    "probe",
    "probe_context",
    "run_step",
    "step_context",
]

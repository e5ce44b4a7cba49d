"""Addresses that act: good for a week, and for nothing that was not signed."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.links import GOOD_FOR, Claim, LinkMaker, read, sign
from healthmgr.domain.message import Links
from tests.domain.making import NOW, uid

SECRET = "s" * 32
CLAIM = Claim(uid(7), "alice", NOW + GOOD_FOR)
SIGNED = sign(CLAIM, SECRET)


def test_what_was_signed_is_read_until_its_time_is_over():
    assert read(SIGNED, SECRET, NOW) == CLAIM
    assert read(SIGNED, SECRET, NOW + GOOD_FOR - timedelta(seconds=1)) == CLAIM
    assert read(SIGNED, SECRET, NOW + GOOD_FOR) is None


@pytest.mark.parametrize("secret", ["", "t" * 32, SECRET[:-1], SECRET + "s"])
def test_another_secret_reads_nothing(secret):
    assert read(SIGNED, secret, NOW) is None


def test_what_was_signed_without_a_secret_is_good_for_nothing():
    assert read(sign(CLAIM, ""), "", NOW) is None


@pytest.mark.parametrize(
    "text", ["", "a", "====", "ü", "a b", SIGNED[:-1], SIGNED[1:], SIGNED + "AAAA", "../" + SIGNED]
)
def test_what_is_no_signed_text_is_read_as_nothing(text):
    assert read(text, SECRET, NOW) is None


def test_no_single_bit_can_be_changed():
    whole = bytearray(base64.urlsafe_b64decode(SIGNED + "=" * (-len(SIGNED) % 4)))
    for position in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[position // 8] ^= 1 << position % 8
        text = base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode()
        assert read(text, SECRET, NOW) is None, position


@given(st.text(max_size=40))
def test_anything_that_anybody_sends_is_read_without_a_fault(text):
    assert read(text, SECRET, NOW) is None


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.uuids())
def test_any_recipient_comes_back_as_written_in_a_text_that_an_address_can_hold(recipient, incident_id):
    claim = Claim(incident_id, recipient, NOW + GOOD_FOR)
    text = sign(claim, SECRET)
    assert read(text, SECRET, NOW) == claim
    assert not set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_without_an_address_there_are_no_links_and_without_a_secret_none_that_act():
    assert LinkMaker().links(uid(7), 3, "alice", NOW) == Links()
    assert LinkMaker("", SECRET).links(uid(7), 3, "alice", NOW) == Links()
    assert LinkMaker("http://h").links(uid(7), 3, "alice", NOW) == Links("http://h/incidents/3")


def test_the_links_of_a_message_are_its_recipients_own():
    links = LinkMaker("http://h", SECRET).links(uid(7), 3, "alice", NOW)
    start, token, verb = links.acknowledge.rsplit("/", 2)
    assert (start, verb) == ("http://h/answer", "acknowledge")
    assert links.silence == f"http://h/answer/{token}/silence"
    assert read(token, SECRET, NOW) == CLAIM

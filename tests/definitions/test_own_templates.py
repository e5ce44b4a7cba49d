"""`HEALTHMGR_TEMPLATES` holds for channels that can be worded and that name no folder themselves."""

from __future__ import annotations

from healthmgr.channels.email import EmailConfig
from healthmgr.channels.webhook import WebhookConfig
from healthmgr.definitions.plugin_config import with_environment
from healthmgr.secrets import resolve

ENVIRON = {"HEALTHMGR_TEMPLATES": "/etc/healthmgr/templates"}
MAIL = {"host": "mail", "from": "a@example.com"}


def test_a_channel_without_a_folder_takes_that_of_the_environment():
    config = with_environment("email", MAIL, EmailConfig, ENVIRON)
    assert EmailConfig.model_validate(resolve(config, ENVIRON)).templates == "/etc/healthmgr/templates"


def test_a_folder_of_its_own_goes_before_it():
    config = with_environment("email", {**MAIL, "templates": "/mine"}, EmailConfig, ENVIRON)
    assert EmailConfig.model_validate(resolve(config, ENVIRON)).templates == "/mine"


def test_a_worker_without_the_variable_still_sends():
    config = with_environment("email", MAIL, EmailConfig, ENVIRON)
    assert EmailConfig.model_validate(resolve(config, {})).templates == ""


def test_what_cannot_be_worded_is_left_alone():
    assert with_environment("webhook", {"url": "https://x"}, WebhookConfig, ENVIRON) == {"url": "https://x"}
    assert with_environment("email", MAIL, EmailConfig, {}) == MAIL

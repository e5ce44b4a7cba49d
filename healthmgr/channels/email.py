"""The channel `email`: one message to one mailbox, over SMTP."""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from healthmgr.channels.deadline import Deadline
from healthmgr.channels.fields import TemplatedConfig, holds_reference
from healthmgr.channels.mime import compose, parse_address
from healthmgr.channels.text import one_line, without
from healthmgr.domain.message import Message
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

_QUIT_WITHIN = 2.0
_IMPLICIT_TLS_PORT = 465
_NOBODY = "somebody@example.com"
_ENCODING = frozenset({"MIME-Version", "Content-Type", "Content-Transfer-Encoding"})
_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class EmailConfig(TemplatedConfig):
    """Where mail is handed in, and as whom."""

    host: str = Field(min_length=1, description="the SMTP server that takes our mail")
    port: int = Field(587, ge=1, le=65535, description="its port: 587 for submission, 465 for TLS from the start, 25")
    username: str = Field("", description="the account to log in with; empty: no login")
    password: SecretStr = Field(SecretStr(""), description="the password of the account")
    sender: str = Field(alias="from", description='the sender\'s address, such as "healthmgr <alerts@example.com>"')
    tls: Literal["auto", "starttls", "tls", "none"] = Field(
        "auto",
        description="auto: TLS at once on port 465, else STARTTLS where it is offered, and no password without it; "
        "starttls and tls insist; none: in the clear, the password too",
    )
    verify_tls: bool = Field(True, description="whether the server's certificate has to be valid for its host")
    subject_prefix: str = Field("[healthmgr]", max_length=60, description="what every subject starts with")

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, text: str) -> str:
        if not holds_reference(text):
            parse_address(text)
        return text

    @model_validator(mode="after")
    def _login_is_whole(self) -> EmailConfig:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("username and password belong together: give both, or neither")
        return self


class EmailChannel:
    """Sends mail with smtplib. `address` is the recipient's mailbox."""

    kind: ClassVar[str] = "email"
    needs_address: ClassVar[bool] = True
    Config: ClassVar[type[EmailConfig]] = EmailConfig

    def send(self, config: EmailConfig, message: Message, address: str, timeout: timedelta) -> Receipt:
        """Hand one message to the mail server; the receipt's `provider_id` is its Message-ID."""
        try:
            sender, recipient = parse_address(config.sender), parse_address(address)
            mail = compose(message, sender, recipient, config.subject_prefix, config.templates)
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from error
        attempt = _Attempt(config, Deadline(timeout))
        reply = attempt.deliver(sender.addr_spec, recipient.addr_spec, mail.as_bytes())
        return Receipt(provider_id=str(mail["Message-ID"]), detail=reply)

    def preview(self, config: EmailConfig, message: Message, address: str) -> str:
        """What `send` would hand over: the headers, and the text that stands beside the HTML."""
        sender, recipient = parse_address(config.sender), parse_address(address or _NOBODY)
        mail = compose(message, sender, recipient, config.subject_prefix, config.templates)
        text = mail.get_body(("plain",))
        headers = "".join(f"{name}: {value}\n" for name, value in mail.items() if name not in _ENCODING)
        return f"{headers}\n{text.get_content() if text else ''}"


class _Attempt:
    """One conversation with the server, which ends at its deadline whatever the server does."""

    def __init__(self, config: EmailConfig, deadline: Deadline) -> None:
        self._config = config
        self._deadline = deadline
        self._is_sending_content = False

    def deliver(self, sender: str, recipient: str, content: bytes) -> str:
        """The server's words of acceptance; raises ChannelError for everything else."""
        try:
            with self._open() as smtp, self._deadline.enforced(lambda: [smtp.sock]):
                self._connect(smtp)
                self._log_in(smtp)
                self._expect(smtp.mail(sender), "the sender")
                self._expect(smtp.rcpt(recipient), "the recipient")
                return self._hand_over(smtp, content)
        except smtplib.SMTPResponseException as error:
            # Without its cause: a server may repeat a password, and everything else is said again here.
            raise self._refusal(error.smtp_code, error.smtp_error, "the session") from None
        except smtplib.SMTPServerDisconnected as error:
            raise self._broken(str(error)) from error
        except smtplib.SMTPException as error:  # what the server does not offer will not come by trying again
            raise ChannelError(self._place(str(error)), permanent=True) from error
        except ssl.SSLCertVerificationError as error:
            reason = f"its certificate is not valid: {error.verify_message}"
            raise ChannelError(self._place(reason), permanent=True) from error
        except OSError as error:
            raise self._broken(error.strerror or str(error)) from error

    def _open(self) -> contextlib.closing[smtplib.SMTP]:
        name, timeout = _own_name(), self._deadline.remaining()
        smtp: smtplib.SMTP
        if self._is_tls_at_once:
            smtp = smtplib.SMTP_SSL(local_hostname=name, timeout=timeout, context=self._tls_context())
        else:
            smtp = smtplib.SMTP(local_hostname=name, timeout=timeout)
        return contextlib.closing(smtp)

    def _connect(self, smtp: smtplib.SMTP) -> None:
        # Connecting in the constructor would escape the watch; connect() does not tell whose certificate to expect.
        smtp._host = self._config.host  # type: ignore[attr-defined]
        try:
            self._expect(smtp.connect(self._config.host, self._config.port), "the connection")
        except UnicodeError as error:
            raise ChannelError(self._place("this is not a host's name"), permanent=True) from error

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        config, is_encrypted = self._config, self._is_tls_at_once
        smtp.ehlo_or_helo_if_needed()
        if not is_encrypted and (config.tls == "starttls" or (config.tls == "auto" and smtp.has_extn("starttls"))):
            smtp.starttls(context=self._tls_context())
            smtp.ehlo()
            is_encrypted = True
        if not config.username:
            return
        if not is_encrypted and config.tls != "none":
            reason = "it offers no STARTTLS, so the password would be readable: set tls to none to allow that"
            raise ChannelError(self._place(reason), permanent=True)
        try:
            smtp.login(config.username, config.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            raise self._refusal(error.smtp_code, error.smtp_error, "the login") from None
        except UnicodeError:  # carries the password
            reason = "username and password can only be sent when they are ASCII"
            raise ChannelError(self._place(reason), permanent=True) from None

    @property
    def _is_tls_at_once(self) -> bool:
        return self._config.tls == "tls" or (self._config.tls == "auto" and self._config.port == _IMPLICIT_TLS_PORT)

    def _hand_over(self, smtp: smtplib.SMTP, content: bytes) -> str:
        code, reply = smtp.docmd("DATA")
        if code != 354:
            raise self._refusal(code, reply, "the message")
        self._is_sending_content = True
        # A line that is a dot ends the content, so a dot at the start of any line is doubled (RFC 5321, 4.5.2).
        smtp.send(re.sub(rb"(?m)^\.", b"..", content) + (b".\r\n" if content.endswith(b"\n") else b"\r\n.\r\n"))
        accepted = self._expect(smtp.getreply(), "the message")
        with contextlib.suppress(
            smtplib.SMTPException, OSError
        ):  # the message is theirs now, with or without a farewell
            if smtp.sock is not None:
                smtp.sock.settimeout(min(_QUIT_WITHIN, self._deadline.remaining()))
            smtp.quit()
        return accepted

    def _expect(self, answer: tuple[int, bytes], what: str) -> str:
        code, reply = answer
        if not 200 <= code < 300:
            raise self._refusal(code, reply, what)
        return self._words(code, reply)

    def _refusal(self, code: int, reply: bytes | str, what: str) -> ChannelError:
        return ChannelError(
            self._place(f"refused {what}: {self._words(code, reply)}"),
            permanent=500 <= code < 600,
            is_ambiguous=self._is_sending_content and not 400 <= code < 600,  # neither yes nor no
        )

    def _broken(self, how: str) -> ChannelError:
        if self._deadline.is_over:
            how = "no answer in time"
        when = (
            "after the message was sent, so it may have arrived"
            if self._is_sending_content
            else "before the message was sent"
        )
        return ChannelError(self._place(f"the connection failed {when}: {how}"), is_ambiguous=self._is_sending_content)

    def _words(self, code: int, reply: bytes | str) -> str:
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        return without(f"{code} {one_line(text, 200)}".strip(), self._secrets())

    def _place(self, what: str) -> str:
        text = f"The mail server {self._config.host}:{self._config.port}: {one_line(what, 400)}"
        return without(text, self._secrets())

    def _secrets(self) -> list[str]:
        """The password as it is, and as it travels: a server may repeat a command in its refusal."""
        password = self._config.password.get_secret_value()
        if not password:
            return []
        sent = (password, f"\0{self._config.username}\0{password}")
        return [password, *(base64.b64encode(text.encode()).decode() for text in sent)]

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._config.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _own_name() -> str:
    """How we introduce ourselves. Not smtplib's default: that asks the DNS, which may take longer than the deadline."""
    name = socket.gethostname()
    return name if _HOST_NAME.fullmatch(name) else "[127.0.0.1]"

"""Hands letters to the mail server by SMTP."""

import asyncio
import re
from dataclasses import replace
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from chassis.clock import Clock
from services.notify.models import Letter, NotTaken, Outcome, Refused, Sent

PATIENCE_S = 20.0
"""A mail server that takes longer did not take the letter."""
ADDRESS = re.compile(r"""[^\s<>()\[\],;:"'=]+(?:@|%40)[^\s<>()\[\],;:"'=]+""")
"""An e-mail address as mail servers quote it, in a link of theirs too."""
READ, KEPT = 2000, 300
"""Characters of a mail server's reason that are looked at, and that are kept."""


class Mailer:
    """One mail server and the sender all letters come from."""

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        parts = urlsplit(url)
        self._secure, self._host, self._port = parts.scheme == "smtps", parts.hostname, parts.port
        self._user, self._password = unquote(parts.username or "") or None, unquote(parts.password or "") or None
        name, self._address = parseaddr(sender)
        self._from = Address(name, addr_spec=self._address)
        self._clock = clock

    async def send(self, letter: Letter) -> Outcome:
        """Hand one letter over; says whether it was taken, never will be, or might be later, and why without naming
        anybody: reasons are logged and told."""
        outcome = await self._send(letter)
        if isinstance(outcome, Sent):
            return outcome
        return replace(outcome, reason=nameless(outcome.reason, letter.to))

    async def _send(self, letter: Letter) -> Outcome:
        try:
            message = self._compose(letter)
        except (ValueError, MessageError) as error:
            return Refused(f"no mail can be written to this address: {type(error).__name__}")
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._hand_over(message, letter.to)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _verdict(refused.recipients[0])
        except aiosmtplib.SMTPDataError as refused:
            return _verdict(refused)
        except aiosmtplib.SMTPNotSupported as error:
            return Refused(f"the mail server cannot write to this address: {error}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return NotTaken(f"{type(error).__name__}: {error}")
        return Sent()

    async def _hand_over(self, message: EmailMessage, to: str) -> None:
        await aiosmtplib.send(
            message, sender=self._address, recipients=[to], hostname=self._host, port=self._port, use_tls=self._secure,
            username=self._user, password=self._password, timeout=PATIENCE_S,
        )  # fmt: skip

    def _compose(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["Subject"], message["From"] = letter.subject, self._from
        message["To"] = Address(addr_spec=letter.to)
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{letter.id}@{self._from.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body)
        return message


def nameless(reason: str, to: str) -> str:
    """What a mail server said, with every address in it masked, and `to` whatever it looks like."""
    masked = reason[:READ].replace(to, "‹address›") if to else reason[:READ]
    return ADDRESS.sub("‹address›", masked)[:KEPT]


def _verdict(refusal: aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPResponseException) -> Refused | NotTaken:
    """5xx is for good, 4xx for now (RFC 5321 4.2.1)."""
    reason = f"{refusal.code} {refusal.message}"
    return Refused(reason) if 500 <= refusal.code < 600 else NotTaken(reason)

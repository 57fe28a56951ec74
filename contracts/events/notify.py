"""What notify tells: who was told what, and who could not be."""

from typing import Literal

from contracts.events.event import Event
from contracts.ids import AccountId, NoticeId


class NoticeSent(Event, topic="notify.notice_sent.v1", subject="notice"):
    """A notice left: the mail server took it, or it lies in the account's inbox page."""

    notice: NoticeId
    account: AccountId
    template: str
    channel: Literal["mail", "inbox"]
    because: str
    """Id of the event it tells of."""


class NoticeFailed(Event, topic="notify.notice_failed.v1", subject="notice"):
    """A notice could not be delivered and will not be tried again; it stays readable in the inbox page."""

    notice: NoticeId
    account: AccountId
    template: str
    because: str
    reason: str

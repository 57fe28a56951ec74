"""What is said when a ticket, an upload or its completion cannot be granted: Chinese first, measured and expected."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from chassis.refusal import Refused
from contracts.rulebook import Slot, Window
from services.media.intake.models import Entry, Ticket

BEIJING = ZoneInfo("Asia/Shanghai")


def entry_not_known_yet() -> Refused:
    return Refused(
        409,
        "entry_not_known_yet",
        "该申报刚刚建立，材料系统尚未收到，请几秒后再试。",
        "This entry has not reached us yet; please try again in a few seconds.",
        retry_after_s=2,
    )


def entry_not_found() -> Refused:
    return Refused(404, "entry_not_found", "没有找到该申报。", "There is no such entry.")


def ticket_not_found() -> Refused:
    return Refused(404, "ticket_not_found", "没有找到该上传凭证。", "There is no such ticket.")


def slot_unknown(asked: str, slots: tuple[Slot, ...]) -> Refused:
    return Refused(
        422,
        "slot_unknown",
        "该申报类别没有这一项材料，请从 expected 所列各项中选择。",
        "This track has no such slot; choose one of those expected.",
        measured=asked,
        expected=[slot.id for slot in slots],
    )


def too_large(size: int, largest: int) -> Refused:
    return Refused(
        413,
        "too_large",
        f"文件 {_mb(size)}，超过上限 {_mb(largest)}，请压缩后重新上传。",
        f"The file has {size} bytes, more than the {largest} allowed.",
        measured=size,
        expected=largest,
        mend="请降低视频码率或减少图片后重新打包。 Lower the bit rate of the video or pack fewer pictures.",
    )


def entry_submitted(entry: Entry) -> Refused:
    return Refused(
        409,
        "entry_submitted",
        "该申报已提交，不能再更换材料；如被退回，可按退回意见重新上传。",
        "This entry was submitted; its material cannot be changed unless the province returns it.",
        attempt=entry.submitted,
    )


def slot_not_reopened(entry: Entry, slot: str) -> Refused:
    return Refused(
        409,
        "slot_not_reopened",
        "退回意见没有要求更换这一项材料。",
        "The province did not reopen this slot when it returned the entry.",
        measured=slot,
        expected=list(entry.open_slots),
    )


def not_open_yet(now: datetime, submission: Window) -> Refused:
    return Refused(
        409,
        "submission_not_open",
        f"在线申报尚未开始，{_when(submission.opens.instant)} 开放。",
        "Submission has not opened yet.",
        measured=now.isoformat(),
        expected=submission.opens.instant.isoformat(),
    )


def deadline_passed(now: datetime, deadline: datetime | None) -> Refused:
    until = f"（{_when(deadline)}）" if deadline else ""
    return Refused(
        409,
        "deadline_passed",
        f"已过截止时间{until}，不能再上传新的材料。",
        "The deadline has passed; no new upload can begin.",
        measured=now.isoformat(),
        expected=deadline.isoformat() if deadline else None,
    )


def ticket_used(ticket: Ticket) -> Refused:
    return Refused(
        409,
        "ticket_used",
        "该凭证的文件已经完整收到，无需再传；要更换文件请领取新的凭证。",
        "The file of this ticket has already come in whole; take a new ticket to replace it.",
        material=ticket.material,
    )


def ticket_ended(ticket: Ticket) -> Refused:
    return Refused(
        409,
        "ticket_ended",
        "该上传凭证已结束，请领取新的凭证。",
        "This ticket has ended; take a new one.",
        state=ticket.state,
    )


def ticket_expired(ticket: Ticket, now: datetime) -> Refused:
    return Refused(
        409,
        "ticket_expired",
        f"该上传凭证有效至 {_when(ticket.drain_until)}，现已过期。",
        "This ticket was good until the drain time, which has passed.",
        measured=now.isoformat(),
        expected=ticket.drain_until.isoformat(),
    )


def too_many_tickets(live: Sequence[str], most: int) -> Refused:
    return Refused(
        409,
        "too_many_tickets",
        f"这一项材料已有 {len(live)} 个未完成的上传，请先完成或放弃其中一些。",
        "This slot has many uploads under way; complete or give up some of them first.",
        measured=len(live),
        expected=f"< {most}",
        tickets=list(live),
        mend="续传或删除 tickets 所列凭证。 Resume or delete one of the tickets listed.",
    )


def being_completed(ticket: Ticket) -> Refused:
    return Refused(
        409,
        "ticket_completing",
        "该文件正在入库，请稍候。",
        "This upload is being completed; please wait a moment.",
        retry_after_s=2,
        ticket=ticket.id,
    )


def newer_upload(material: str) -> Refused:
    return Refused(
        409,
        "superseded",
        "这一项材料已有更新的上传，较早的凭证作废。",
        "A newer upload for this slot is already in; this older ticket counts no more.",
        material=material,
    )


def parts_missing(missing: tuple[int, ...]) -> Refused:
    return Refused(
        409,
        "parts_missing",
        f"还有 {len(missing)} 个分片没有收到，请续传后再完成。",
        "Some parts have not come yet; send them, then complete again.",
        missing=list(missing),
    )


def size_differs(measured: int, expected: int, wrong: tuple[int, ...]) -> Refused:
    return Refused(
        409,
        "size_differs",
        f"收到 {measured} 字节，凭证为 {expected} 字节，请重传所列分片。",
        "The bytes received are not as many as the ticket was taken for; send the parts listed again.",
        measured=measured,
        expected=expected,
        wrong=list(wrong),
        mend="文件在上传期间被修改过时，请领取新的凭证。 If the file was changed meanwhile, take a new ticket.",
    )


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"


def _when(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")

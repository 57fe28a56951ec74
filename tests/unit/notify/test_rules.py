"""Who is told what and by which way, and what people then read."""

from datetime import timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from contracts.events.event import Event
from contracts.events.media import MediaValidated
from contracts.events.registration import AccountOpened, EntrySubmitted, StudioRegistered
from contracts.events.review import (
    AwardGranted,
    EntrySubject,
    ProvinceApproved,
    ProvinceReturned,
    ResultsPublished,
    StudioSubject,
)
from contracts.rulebook import SHIPPED, Rulebook, load
from contracts.rulebook.duties import Milestone, NoticeRule
from services.notify import rules
from services.notify.models import Telling
from services.notify.wording import TEMPLATES, Wording
from tests.support.factories import make

BOOK = load(SHIPPED / "cloud-studio-2023.yaml")
WORDING = Wording("https://zhumeng.example.org", ZoneInfo("Asia/Shanghai"))


def returned(kind: type[StudioSubject] | type[EntrySubject]) -> ProvinceReturned:
    """A return of either kind of subject."""
    return make(ProvinceReturned, about=subject(kind))


def approved(kind: type[StudioSubject] | type[EntrySubject]) -> ProvinceApproved:
    """An approval of either kind of subject."""
    return make(ProvinceApproved, about=subject(kind))


def subject(kind: type[StudioSubject] | type[EntrySubject]) -> StudioSubject | EntrySubject:
    found = [make(ProvinceApproved).about, make(ProvinceReturned).about]
    return next(each for each in found if isinstance(each, kind))


EVERYTHING: list[Event] = [
    *(make(kind) for kind in (AccountOpened, StudioRegistered, EntrySubmitted, MediaValidated, AwardGranted)),
    make(ResultsPublished), make(MediaValidated, verdict="advice"), make(AccountOpened, role="province", studio=None),
    *(told(kind) for told in (approved, returned) for kind in (StudioSubject, EntrySubject)),
    returned(StudioSubject).model_copy(update={"mend_by": None}), make(AwardGranted, votes=None),
    make(StudioRegistered, attempt=2), make(EntrySubmitted, attempt=2),
]  # fmt: skip


def telling_all(sides: tuple[str, ...]) -> Rulebook:
    """A rulebook that has everybody on these sides told of everything."""
    every = [each for each in get_args(Milestone) if each != "deadline-near"]
    rows = tuple(NoticeRule.model_validate({"when": when, "to": sides, "by": ("inbox", "mail")}) for when in every)
    return BOOK.model_copy(update={"notices": rows})


ALL_SIDES = telling_all(("applicant", "city", "province", "national"))


def told(event: Event, book: Rulebook | None = None) -> list[tuple[str, str, str, str]]:
    return [(each.to.kind, each.to.of, each.template, each.mail) for each in rules.tellings(event, book)]


def test_studio_and_province_are_told_of_a_registration() -> None:
    event = make(StudioRegistered)
    assert told(event) == [
        ("account", event.account, "certification-submitted", "single"),
        ("province", event.province, "certification-submitted-admin", "digest"),
    ]


def test_campaign_with_its_own_notices_is_followed_to_the_letter() -> None:
    event = make(EntrySubmitted)
    assert told(event, BOOK) == [
        ("account", event.account, "entry-submitted", "none"),
        ("province", event.province, "entry-submitted-admin", "none"),
    ]
    silent = BOOK.model_copy(update={"notices": tuple(n for n in BOOK.notices if n.when != "entry-submitted")})
    assert told(event, silent) == []


def test_campaign_without_a_word_on_notices_is_told_of_by_default() -> None:
    assert told(make(EntrySubmitted), BOOK.model_copy(update={"notices": ()})) == told(make(EntrySubmitted))
    assert [mail for _, _, _, mail in told(make(EntrySubmitted))] == ["single", "digest"]


@pytest.mark.parametrize("role", ["frontend", "ops", "analytics"])
def test_machine_with_a_new_account_is_told_nothing(role: str) -> None:
    assert told(make(AccountOpened, role=role, studio=None, province=None, city=None)) == []


@pytest.mark.parametrize(("verdict", "notices"), [("pass", 0), ("advice", 1), ("fail", 1)])
def test_material_is_told_of_only_when_there_is_something_to_say(verdict: str, notices: int) -> None:
    assert len(told(make(MediaValidated, verdict=verdict))) == notices


def test_award_without_a_studio_goes_to_the_account_and_without_either_to_nobody() -> None:
    event = make(AwardGranted, studio=None)
    assert told(event) == [("account", event.account, "award-granted", "single")]
    assert told(make(AwardGranted, studio=None, account=None)) == []


def test_results_are_told_each_studio_once_with_its_own_places() -> None:
    line = make(ResultsPublished).results[0]
    lines = tuple(
        line.model_copy(update={"rank": rank, "studio": studio, "entry": f"e{rank}", "title": f"作品{rank}"})
        for rank, studio in [(1, "a"), (2, "b"), (3, "a")]
    )
    tellings = list(rules.tellings(make(ResultsPublished, results=lines), BOOK))
    ranks = {each.to.of or each.to.kind: [row["rank"] for row in each.facts["results"]] for each in tellings}
    assert ranks == {"a": [1, 3], "b": [2], "provinces": [1, 2, 3], "national": [1, 2, 3]}
    assert len(tellings) == 4


def test_every_template_is_used_and_every_notice_has_one() -> None:
    used = {telling.template for event in EVERYTHING for telling in rules.tellings(event, ALL_SIDES)}
    used |= {telling.template for event in EVERYTHING for telling in rules.tellings(event, None)}
    assert used | {"digest"} == {file.stem for file in TEMPLATES.iterdir()}


def everything() -> list[Telling]:
    return [each for event in EVERYTHING for book in (ALL_SIDES, None) for each in rules.tellings(event, book)]


@pytest.mark.parametrize("telling", everything(), ids=lambda each: f"{each.template}-{each.to.kind}")
def test_notice_when_rendered_says_it_in_chinese_then_in_english(telling: Telling) -> None:
    subject, body = WORDING.render(telling.template, telling.facts)
    chinese, english = subject.split(" · ")
    assert chinese.startswith("【科创筑梦】")
    assert english.isascii()
    zh, en = body.split("\n--\n")
    assert zh.startswith("您好：")
    assert "https://zhumeng.example.org/api/notify/v1/inbox" in zh
    assert "https://zhumeng.example.org/api/notify/v1/inbox" in en
    assert "None" not in body
    assert "{" not in body


def test_return_when_rendered_gives_reasons_and_the_day_in_local_time() -> None:
    (telling,) = rules.tellings(returned(EntrySubject), BOOK)
    _, body = WORDING.render(telling.template, telling.facts)
    reason = returned(EntrySubject).reasons[0]
    assert f"1. {reason.text}（{reason.about}）" in body
    assert "请在2023年7月27日10:30前修改并重新提交。" in body
    assert "before 2023-07-27 10:30 (UTC+0800)" in body


@pytest.mark.parametrize("kind", [StudioSubject, EntrySubject])
def test_return_that_cannot_be_mended_asks_nobody_to_hand_in_again(
    kind: type[StudioSubject] | type[EntrySubject],
) -> None:
    final = returned(kind).model_copy(update={"mend_by": None})
    texts = ["\n".join(WORDING.render(each.template, each.facts)) for each in rules.tellings(final, ALL_SIDES)]
    asked = [words for words in ("请修改", "修改后", "退回修改", "Please mend") for text in texts if words in text]
    assert (len(texts), asked) == (4, [])
    assert ["不能再重新提交。" in text and "cannot be submitted again." in text for text in texts].count(True) == 1


@pytest.mark.parametrize("name", ["甲\nBcc: x@example.org", "甲\r\nBcc: x@example.org", "甲\u2028Bcc: x@example.org"])
def test_name_with_line_breaks_stays_on_its_line(name: str) -> None:
    facts: dict[str, Any] = {"studio": name, "again": False, "campaign": None}
    subject, body = WORDING.render("certification-submitted-admin", facts)
    assert subject == "【科创筑梦】待审核注册认证：甲 Bcc: x@example.org · A certification to review"
    assert not [line for line in body.splitlines() if line.startswith("Bcc")]


def test_delay_grows_from_five_seconds_to_a_quarter_of_an_hour() -> None:
    delays = [rules.delay_after(tries) for tries in range(1, 30)]
    assert delays[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert delays == sorted(delays)
    assert delays[-1] == timedelta(minutes=15)

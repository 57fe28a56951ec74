"""Every campaign that ships holds, and decides each of its cases as its organiser wrote it."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zlib import crc32

import pytest

from contracts.ids import CampaignId
from contracts.rulebook import SHIPPED, Rulebook, RulebookRefused, dump, load_all, parse, rehearsal
from contracts.rulebook.cases import (
    BallotCase,
    Case,
    CompleteCase,
    DocumentFile,
    EntryCase,
    EntryPlace,
    ImageFile,
    MaterialCase,
    MeasuredFile,
    QuotaCase,
    TicketCase,
    TimeCase,
    VideoFile,
    load_cases,
)
from contracts.rulebook.composition import Place, may_open, missing
from services.media.inspect.models import Document, Embedded, File, Image, Naming, PackageFacts, Video
from services.media.inspect.rules import judge

RULEBOOKS = load_all(SHIPPED)
WRITTEN = [load_cases(path) for path in sorted(SHIPPED.glob("*.cases.yaml"))]
CASES = [(written.campaign, case) for written in WRITTEN for case in written.cases]
CLOUD = RULEBOOKS[CampaignId("cloud-studio-2023")]
APPLICANT, PROVINCE, TITLE = "星光工作室", "甘肃省", "观星"


def decided(rulebook: Rulebook, case: Case) -> Case:
    """The case with what the rulebook really decides in place of what was expected."""
    match case:
        case TimeCase():
            return case.model_copy(update=at_a_time(rulebook, case.now.instant))
        case TicketCase():
            mend_by = case.mend_by.instant if case.mend_by else None
            accepted = rulebook.accepts_bytes(case.taken.instant, case.complete.instant, mend_by)
            return case.model_copy(update={"accepted": accepted})
        case EntryCase():
            breach = may_open(rulebook, places(case.has), place(case.opens), case.applicant)
            return case.model_copy(update={"refused_by": breach and breach.rule})
        case CompleteCase():
            lacks = tuple(breach.rule for breach in missing(rulebook, places(case.submitted)))
            return case.model_copy(update={"lacks": lacks})
        case QuotaCase():
            most = rulebook.most_recommended(case.track, case.recommender)
            return case.model_copy(update={"accepted": most is None or case.recommended < most})
        case BallotCase():
            return case.model_copy(update={"ballots": counted(rulebook, case)})
        case MaterialCase():
            return judged(rulebook, case)


def at_a_time(rulebook: Rulebook, now: datetime) -> dict[str, object]:
    return {
        "phases": tuple(phase.id for phase in rulebook.phases_at(now)),
        "tickets": rulebook.accepts_tickets(now),
        "votes": rulebook.vote_window(now) is not None,
        "ranking": rulebook.shows_ranking(now),
    }


def places(entries: tuple[EntryPlace, ...]) -> list[Place]:
    return [place(entry) for entry in entries]


def place(entry: EntryPlace) -> Place:
    return Place(entry.track, entry.theme)


def counted(rulebook: Rulebook, case: BallotCase) -> tuple[object, ...]:
    entries: Counter[str] = Counter()
    days: Counter[date] = Counter()
    outcomes: list[object] = []
    assert rulebook.voting is not None
    for ballot in case.ballots:
        now, day = ballot.at.instant, rulebook.voting_day(ballot.at.instant)
        if rulebook.vote_window(now) is None:
            outcome = "outside_window"
        elif rulebook.voting.limits.admits(on_entry=entries[ballot.entry], today=days[day], altogether=entries.total()):
            outcome = "counted"
            entries[ballot.entry] += 1
            days[day] += 1
        else:
            outcome = "over_limit"
        outcomes.append(ballot.model_copy(update={"outcome": outcome}))
    return tuple(outcomes)


def judged(rulebook: Rulebook, case: MaterialCase) -> MaterialCase:
    files = tuple(file for measured in case.files for file in files_of(measured))
    facts = PackageFacts(case.package.format, case.package.size, "0" * 64, files)
    naming = Naming(case.package.name, APPLICANT, PROVINCE, TITLE)
    verdict = judge(facts, rulebook.slot(case.track, case.slot), naming=naming)
    broken = {finding.rule for finding in verdict.findings if not finding.ok}
    as_written = tuple(rule for rule in case.breaks if rule in broken)
    more = tuple(sorted(broken - set(as_written)))
    return case.model_copy(update={"verdict": verdict.outcome, "breaks": as_written + more})


def files_of(measured: MeasuredFile) -> list[File]:
    """The files as the inspection would describe them, each with bytes of its own."""
    content: Video | Document | Image | None = None
    match measured:
        case VideoFile():
            content = Video("h264", measured.shown, measured.shown, measured.duration, audio=True)
        case DocumentFile():
            pictures = enumerate(measured.pictures)
            embedded = (Embedded(f"word/media/{at}.jpg", "jpg", shown, (at, at)) for at, shown in pictures)
            content = Document(measured.characters, tuple(embedded))
        case ImageFile():
            content = Image(measured.shown)
    times = measured.times if isinstance(measured, ImageFile) else 1
    return [
        File(
            f"{at}-{measured.name}",
            measured.size,
            measured.format,
            measured.kind,
            (crc32(measured.name.encode()), at),
            content,
        )
        for at in range(times)
    ]


def in_latin(name: str) -> str:
    """What pytest can show of a case's name."""
    return " ".join("".join(letter for letter in name if letter.isascii()).split())


@pytest.mark.parametrize(
    ("campaign", "case"), CASES, ids=[f"{campaign}: {case.kind}: {in_latin(case.name)}" for campaign, case in CASES]
)
def test_campaign_decides_a_case_as_written(campaign: CampaignId, case: Case) -> None:
    assert decided(RULEBOOKS[campaign], case).model_dump(mode="json") == case.model_dump(mode="json")


def test_case_with_a_wrong_expectation_fails(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.cases.yaml"
    late = "taken: 2023-08-15T24:00+08:00, complete: 2023-08-15T24:00+08:00"
    wrong.write_text(
        f"campaign: cloud-studio-2023\ncases:\n  - {{kind: ticket, name: 太迟, {late}, accepted: true}}\n", "utf-8"
    )
    (case,) = load_cases(wrong).cases
    assert decided(CLOUD, case) != case


def test_case_with_a_misspelt_key_is_refused_at_its_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.cases.yaml"
    wrong.write_text(
        "campaign: cloud-studio-2023\ncases:\n  - {kind: quota, name: x, track: case, recomended: 1, accepted: true}\n",
        "utf-8",
    )
    with pytest.raises(RulebookRefused) as refused:
        load_cases(wrong)
    assert [(each.line, each.path, each.reason) for each in refused.value.problems] == [
        (3, "cases[0].recomended", "is not a known key; did you mean recommended?")
    ]


@pytest.mark.parametrize("campaign", RULEBOOKS)
def test_campaign_dumped_and_read_again_is_the_same_revision(campaign: CampaignId) -> None:
    assert parse(dump(RULEBOOKS[campaign])).revision == RULEBOOKS[campaign].revision


@pytest.mark.parametrize("campaign", RULEBOOKS)
def test_campaign_can_be_rehearsed_today(campaign: CampaignId) -> None:
    opens = datetime(2026, 11, 22, tzinfo=UTC)
    rehearsed = rehearsal(RULEBOOKS[campaign], opens, timedelta(minutes=2))
    assert rehearsed.phase_at(opens) is not None
    assert rehearsed.phase_at(opens + timedelta(minutes=2)) is None


@pytest.mark.parametrize("campaign", RULEBOOKS)
def test_campaign_has_cases(campaign: CampaignId) -> None:
    assert campaign in {each for each, _ in CASES}


def test_cloud_studio_offers_the_themes_of_its_notice() -> None:
    themes = [theme.title.zh for track in CLOUD.tracks for theme in track.themes]
    assert themes == ["助力双减", "人工智能", "逐梦航天", "美丽乡村"]


def test_cloud_studio_scores_four_dimensions_over_three_years() -> None:
    assert CLOUD.scoring is not None
    assert CLOUD.scoring.years == 3
    assert [each.title.zh for each in CLOUD.scoring.dimensions] == [
        "场地设施管理",
        "队伍管理",
        "活动管理",
        "日常运行管理",
    ]


def test_cloud_studio_certifies_in_five_steps_with_the_region_locked() -> None:
    certification = CLOUD.applicants.certification
    assert certification is not None
    assert [step.id for step in certification.steps] == ["unit", "region", "people", "funding", "scan"]
    assert (certification.region_locked, certification.editable_after_submission) == (True, False)

"""The ledger held against the drain: what is lost, what is doubled, what nobody was told of. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.events.event import Event
from contracts.events.media import MaterialPublished, MaterialUploaded, MediaValidated
from contracts.events.registration import AccountOpened, EntryOpened, EntrySubmitted, StudioRegistered
from contracts.events.review import AwardGranted, ProvinceApproved, ProvinceReturned, ResultsPublished, subject_of
from contracts.events.voting import TallyClosed, VoteCast
from contracts.ids import StudioId
from deploy.demo.drain import Drain
from deploy.demo.ledger import Ledger


@dataclass(frozen=True)
class Book:
    """One kind of thing in one place: what was acknowledged, and what is there."""

    zh: str
    en: str
    acknowledged: Counter[str]
    found: Counter[str]

    @property
    def lost(self) -> list[str]:
        """Acknowledged and not there."""
        return sorted(self.acknowledged.keys() - self.found.keys())

    @property
    def doubled(self) -> list[str]:
        """There more often than acknowledged."""
        return sorted(key for key, times in self.acknowledged.items() if self.found[key] > times)

    @property
    def unexpected(self) -> list[str]:
        """There, though nobody was told so."""
        return sorted(self.found.keys() - self.acknowledged.keys())

    @property
    def short(self) -> list[str]:
        """There, but less often than acknowledged: votes missing from a tally."""
        return sorted(key for key, times in self.acknowledged.items() if 0 < self.found[key] < times)


@dataclass(frozen=True)
class Reckoning:
    """The whole check."""

    books: tuple[Book, ...]
    repeats: int
    """Deliveries that came again under the same id, which is allowed and was without effect."""
    waiting: int
    parked: tuple[str, ...]
    full_queues: tuple[str, ...]

    @property
    def lost(self) -> int:
        return sum(len(book.lost) + len(book.short) for book in self.books)

    @property
    def doubled(self) -> int:
        return sum(len(book.doubled) for book in self.books)

    @property
    def unexpected(self) -> int:
        return sum(len(book.unexpected) for book in self.books)

    @property
    def holds(self) -> bool:
        """Whether everything is there once, and nothing waits, is stuck or was given up."""
        wrong = (self.lost, self.doubled, self.unexpected, self.waiting, len(self.parked), len(self.full_queues))
        return not any(wrong)


def reckon(ledger: Ledger, drain: Drain) -> Reckoning:
    """Hold one run's ledger against what exists."""
    return Reckoning(
        books=(*_record_books(ledger, drain), *_event_books(ledger, drain), *_notice_books(ledger, drain)),
        repeats=sum(drain.log.values()) - len(drain.log),
        waiting=drain.waiting,
        parked=tuple(drain.parked),
        full_queues=tuple(f"{name}: {messages}" for name, messages in drain.queues.items() if messages),
    )


def _record_books(ledger: Ledger, drain: Drain) -> Iterable[Book]:
    studios = Counter(f"{studio} {account}" for studio, account in ledger.studios.items())
    entries = Counter(f"{entry} {studio}" for entry, studio in ledger.entries.items())
    ballots = Counter(f"{ballot} {entry}" for ballot, entry in ledger.ballots.items())
    yield Book("账号", "accounts · MongoDB", Counter(ledger.accounts), drain.accounts)
    yield Book("工作室", "certified studios · MongoDB", studios, drain.certified)
    yield Book("申报", "approved entries · MongoDB", entries, drain.entries)
    yield Book("材料", "materials · MongoDB", _materials(ledger), drain.materials)
    yield Book("文件", "files: size, hash · S3", _objects(ledger), drain.objects)
    yield Book("决定", "decisions · MongoDB", _decisions(ledger), drain.decisions)
    yield Book("选票", "ballots · MongoDB", ballots, drain.ballots)
    yield Book("选票流", "votes · stream", ballots, drain.votes)
    yield Book("计票", "closed tally · MongoDB", Counter(list(ledger.ballots.values())), drain.tally)


def _notice_books(ledger: Ledger, drain: Drain) -> Iterable[Book]:
    yield Book("通知", "notices · MongoDB", notices_of(ledger), drain.notices)
    yield Book("邮件", "letters · mail server", drain.letters, drain.mails)


def _event_books(ledger: Ledger, drain: Drain) -> Iterable[Book]:
    facts = [fact_of(event) for event in drain.events if getattr(event, "campaign", ledger.campaign) == ledger.campaign]
    votes = Counter({f"vote {vote}": 1 for vote in drain.votes})
    yield Book("事件", "facts told · stream", facts_of(ledger), Counter(fact for fact in facts if fact) + votes)
    yield Book("发件箱", "outbox · stream", drain.outbox, Counter(dict.fromkeys(drain.log, 1)))


def _materials(ledger: Ledger) -> Counter[str]:
    return Counter(
        f"{material} {ledger.material_of[material]} {file.size} {file.sha256} {ledger.verdicts.get(material)}"
        for material, file in ledger.materials.items()
    )


def _objects(ledger: Ledger) -> Counter[str]:
    packages = [
        f"material/{ledger.material_of[material]}/{material} {file.size} {file.sha256}"
        for material, file in ledger.materials.items()
    ]
    scans = [
        f"certification/{studio}/{file.sha256}.pdf {file.size} {file.sha256}"
        for studio, files in ledger.scans.items()
        for file in files
    ]
    shown = [
        f"published/{material}/{file.sha256} {file.size} {file.sha256}"
        for material, files in ledger.shown.items()
        for file in files
    ]
    return Counter([*packages, *scans, *shown])


def _decisions(ledger: Ledger) -> Counter[str]:
    return Counter(f"{subject} {attempt} {outcome}" for subject, attempt, outcome in ledger.decisions)


def notices_of(ledger: Ledger) -> Counter[str]:
    """What every studio must have been told of, by account and template."""
    of_entry = {entry: ledger.studios[studio] for entry, studio in ledger.entries.items()}
    of_subject: dict[str, str] = {f"studio/{studio}": account for studio, account in ledger.studios.items()}
    of_subject |= {f"entry/{entry}": account for entry, account in of_entry.items()}
    kinds = {"studio": "certification", "entry": "entry"}
    unclean = [material for material, verdict in ledger.verdicts.items() if verdict != "pass"]
    ranked = {StudioId(line["studio"]) for line in ledger.results.get("ranking", ())}
    awarded = [StudioId(award["studio"]) for award in ledger.results.get("awards", ())]
    told = [
        *(f"{account} account-opened" for account in ledger.studios.values()),
        *(f"{ledger.studios[studio]} certification-submitted" for studio, _ in ledger.forms),
        *(f"{of_entry[entry]} entry-submitted" for entry, _ in ledger.submissions),
        *(f"{of_entry[ledger.material_of[material]]} material-checked" for material in unclean),
        *(f"{of_subject[about]} {kinds[about.partition('/')[0]]}-{outcome}" for about, _, outcome in ledger.decisions),
        *(f"{ledger.studios[studio]} award-granted" for studio in awarded),
        *(f"{ledger.studios[studio]} results-published" for studio in ranked),
    ]
    return Counter(told)


def facts_of(ledger: Ledger) -> Counter[str]:
    """Every fact that must have been told, in one line each."""
    awards = ledger.results.get("awards", ())
    return Counter(
        [
            *(f"account {account}" for account in ledger.accounts),
            *(f"form {studio} {attempt}" for studio, attempt in ledger.forms),
            *(f"entry {entry}" for entry in ledger.entries),
            *(f"submission {entry} {attempt}" for entry, attempt in ledger.submissions),
            *(f"upload {material} {file.sha256}" for material, file in ledger.materials.items()),
            *(f"verdict {material} {verdict}" for material, verdict in ledger.verdicts.items()),
            *(f"shown {material} {len(files)}" for material, files in ledger.shown.items()),
            *(f"decision {subject} {attempt} {outcome}" for subject, attempt, outcome in ledger.decisions),
            *(f"vote {ballot} {entry}" for ballot, entry in ledger.ballots.items()),
            f"tally {len(ledger.ballots)}",
            *(f"award {award['award']} {award['rank']} {award['entry']}" for award in awards),
            f"results {ledger.results.get('tally_digest')}",
        ]
    )


def fact_of(event: Event) -> str | None:
    """The same line for an event; None for notices, which nobody outside was told of."""
    match event:
        case AccountOpened(account=account):
            return f"account {account}"
        case StudioRegistered(studio=studio, attempt=attempt):
            return f"form {studio} {attempt}"
        case EntryOpened(entry=entry):
            return f"entry {entry}"
        case EntrySubmitted(entry=entry, attempt=attempt):
            return f"submission {entry} {attempt}"
        case MaterialUploaded(material=material, sha256=sha256):
            return f"upload {material} {sha256}"
        case MediaValidated(stage="second", verdict="pass" | "advice"):
            return None  # it bears out what was told before
        case MediaValidated(material=material, verdict=verdict):
            return f"verdict {material} {verdict}"
        case MaterialPublished(material=material, files=files):
            return f"shown {material} {len(files)}"
        case ProvinceApproved(about=about):
            return f"decision {subject_of(about)} {about.attempt} approved"
        case ProvinceReturned(about=about):
            return f"decision {subject_of(about)} {about.attempt} returned"
        case VoteCast(ballot=ballot, entry=entry):
            return f"vote {ballot} {entry}"
        case TallyClosed(votes=votes):
            return f"tally {votes}"
        case AwardGranted(award=award, rank=rank, entry=entry):
            return f"award {award} {rank} {entry}"
        case ResultsPublished(tally_digest=digest):
            return f"results {digest}"
        case _:
            return None

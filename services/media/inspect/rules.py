"""Holds what was measured against a slot of the rulebook."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from contracts.events.media import Finding, Text
from contracts.ids import RuleId
from contracts.rulebook import Level, Limit, Slot
from contracts.rulebook.limits import SizeLimit
from contracts.rulebook.material import (
    ArchiveContainer,
    DocumentRules,
    FileContainer,
    ImageRules,
    PartRules,
    VideoRules,
)
from services.media.inspect import bounds, phrases
from services.media.inspect.embedded import fit, passed_over
from services.media.inspect.kinds import called, loose, mended
from services.media.inspect.misprints import trouble_of
from services.media.inspect.models import (
    Claim,
    Document,
    Fault,
    File,
    Image,
    Naming,
    PackageFacts,
    Verdict,
    Video,
)
from services.media.inspect.names import extension
from services.media.inspect.troubles import Trouble
from services.media.inspect.wording import RULES

CODEC = "h264"
"""What every browser plays."""
NOTHING_TO_MEND = Text(zh="无需修改。", en="Nothing to mend.")


class Check(NamedTuple):
    """One thing measured, and whether it keeps the rule it was measured for."""

    file: str | None
    measured: str
    ok: bool


def judge(facts: PackageFacts, slot: Slot, claim: Claim | None = None, naming: Naming | None = None) -> Verdict:
    """The verdict on a package. `claim` is what its ticket promised; without `naming` its name is not judged. Of facts
    that are not complete it says nothing about the checksum, and a `fail` is final while a `pass` is not yet."""
    findings = tuple(
        chain(
            _arrival(facts, claim) if claim else (),
            _container(facts, slot),
            _faults(facts.faults, facts.files or ()),
            _contents(facts.files, slot) if facts.files is not None else (),
            _naming(slot, naming) if naming else (),
        )
    )
    broken = {finding.level for finding in findings if not finding.ok}
    return Verdict("fail" if "required" in broken else "advice" if broken else "pass", findings)


def _arrival(facts: PackageFacts, claim: Claim) -> Iterator[Finding]:
    """Whether the bytes are those the ticket was taken for."""
    size = Check(None, f"{facts.size} B", facts.size == claim.size)
    yield from _hold("upload.size", "required", f"{claim.size} B", [size])
    if facts.sha256 is not None:
        hash_ = Check(None, facts.sha256, facts.sha256 == claim.sha256)
        yield from _hold("upload.sha256", "required", claim.sha256, [hash_])


def _container(facts: PackageFacts, slot: Slot) -> Iterator[Finding]:
    container = slot.container
    if isinstance(container, ArchiveContainer):
        check = Check(None, facts.format, container.format.holds(facts.format))
        yield from (_recognised(each, facts.format) for each in _keep("container.format", container.format, [check]))
    if container.size:
        check = Check(None, phrases.size(facts.size), container.size.holds(facts.size))
        yield from _keep("container.size", container.size, [check])


def _recognised(finding: Finding, kind: str) -> Finding:
    """The finding on an upload's kind, with what the upload is in plain words where it is not what was asked for."""
    if finding.ok:
        return finding
    return _adding(finding, *loose(kind))


def _adding(finding: Finding, more: Text, mend: Text | None = None) -> Finding:
    """The same finding with another sentence, and another way to mend it."""
    message = Text(zh=finding.message.zh + more.zh, en=f"{finding.message.en} {more.en}")
    return finding.model_copy(update={"message": message, "mend": mend or finding.mend})


def _faults(faults: Sequence[Fault], files: Sequence[File]) -> Iterator[Finding]:
    told: dict[str, int] = {}
    families = {file.name: file.family for file in files}
    for fault in faults:
        told[fault.code] = told.get(fault.code, 0) + 1
        if told[fault.code] <= bounds.FINDINGS:
            yield _fault(fault, trouble_of(fault, families.get(fault.file or "")))


def _fault(fault: Fault, trouble: Trouble) -> Finding:
    zh, en = (f"“{fault.file}”", f"“{fault.file}”") if fault.file else ("压缩包", "The archive")
    return Finding(
        rule=RuleId(f"{'file' if fault.file else 'package'}.{fault.code}"),
        level=trouble.level,
        ok=False,
        measured=fault.measured,
        expected=trouble.expected,
        file=fault.file,
        message=Text(
            zh=f"{zh}{trouble.zh.format(measured=fault.measured)}。",
            en=f"{en} {trouble.en.format(measured=fault.measured)}.",
        ),
        mend=Text(zh=trouble.mend_zh, en=trouble.mend_en),
    )


def _contents(files: Sequence[File], slot: Slot) -> Iterator[Finding]:
    others = [file for file in files if file.family != "archive"]
    for part in slot.rules:
        mine = list(files) if isinstance(slot.container, FileContainer) else _belonging(files, part)
        posing = _posing(files, part, mine)
        others = [file for file in others if file not in (*mine, *posing)]
        yield from _part(part, mine, files)
        yield from _formats(part, posing, "advice")
    if isinstance(slot.container, ArchiveContainer):
        names = ", ".join(file.name for file in others[: bounds.FINDINGS])
        measured = f"{len(others)}: {names}" if others else "0"
        yield from _hold("container.others", slot.container.others, "0", [Check(None, measured, not others)])


def _belonging(files: Sequence[File], part: PartRules) -> list[File]:
    """The files a part is about. Where enough documents or pictures are of an admitted format, those of another one
    are merely files nobody asked for; a second video is always one too many. Where there is none, what only calls
    itself one is meant."""
    family = [file for file in files if file.family == part.kind] or [f for f in files if f.claims == part.kind]
    admitted = [file for file in family if part.format.holds(file.format)]
    enough = len(admitted) >= max(1, part.count.min or 0)
    return admitted if enough and not isinstance(part, VideoRules) else family


def _posing(files: Sequence[File], part: PartRules, mine: Sequence[File]) -> list[File]:
    """The files that only call themselves what a part is about, where what really is that is not enough. That
    explains why, and is held against nobody: there may be enough of it inside a document."""
    enough = sum(part.format.holds(file.format) for file in mine) >= (part.count.min or 1)
    return [] if enough else [file for file in files if file.claims == part.kind and file not in mine]


def _part(part: PartRules, mine: Sequence[File], files: Sequence[File]) -> Iterator[Finding]:
    match part:
        case VideoRules():
            yield from _keep("video.count", part.count, [_counted(part.count.holds, len(mine))])
            yield from _file_rules(part, mine)
            yield from _videos(part, mine)
        case DocumentRules():
            yield from _keep("document.count", part.count, [_counted(part.count.holds, len(mine))])
            yield from _file_rules(part, mine)
            yield from _documents(part, mine)
        case ImageRules():
            yield from _image_count(part, mine, files)
            yield from _file_rules(part, mine)
            yield from _images(part, mine)


def _file_rules(part: PartRules, mine: Sequence[File]) -> Iterator[Finding]:
    yield from _formats(part, mine, part.format.level)
    if part.size:
        yield from _keep(f"{part.kind}.size", part.size, [_sized(file, part.size) for file in mine])


def _formats(part: PartRules, files: Sequence[File], level: Level) -> Iterator[Finding]:
    formats = [Check(file.name, file.format, part.format.holds(file.format)) for file in files]
    for finding in _hold(f"{part.kind}.format", level, phrases.expected(part.format), formats):
        yield finding if finding.ok else _named(finding)


def _named(finding: Finding) -> Finding:
    """The same finding of a wrong format, saying what the file really is and the way from there."""
    kind, name = finding.measured, finding.file or ""
    return _adding(finding, called(kind, name), mended(kind, finding.expected, name))


def _videos(part: VideoRules, mine: Sequence[File]) -> Iterator[Finding]:
    videos = [(file.name, file.content) for file in mine if isinstance(file.content, Video)]
    if limit := part.duration:
        spans = [Check(name, phrases.duration(each.duration), limit.holds(each.duration)) for name, each in videos]
        yield from _keep("video.duration", limit, spans)
    if ratio := part.aspect:
        shapes = [Check(name, phrases.aspect(each.shown), ratio.holds(*each.shown)) for name, each in videos]
        yield from _keep("video.aspect", ratio, shapes)
    if least := part.resolution:
        sizes = [Check(name, phrases.pixels(each.shown), least.holds(*each.shown)) for name, each in videos]
        yield from _keep("video.resolution", least, sizes)
    if asked := part.sound:
        heard = [Check(name, phrases.sound(each.audio), asked.holds(each.audio)) for name, each in videos]
        yield from _keep("video.sound", asked, heard)
    codecs = [Check(name, each.codec, each.codec == CODEC) for name, each in videos]
    yield from _hold("video.codec", "advice", CODEC, codecs)


def _documents(part: DocumentRules, mine: Sequence[File]) -> Iterator[Finding]:
    if limit := part.characters:
        texts = [(file.name, file.content.characters) for file in mine if isinstance(file.content, Document)]
        yield from _keep("document.characters", limit, [Check(name, str(n), limit.holds(n)) for name, n in texts])


def _images(part: ImageRules, mine: Sequence[File]) -> Iterator[Finding]:
    if limit := part.resolution:
        pictures = [(file.name, file.content.shown) for file in mine if isinstance(file.content, Image)]
        checks = [Check(name, phrases.pixels(shown), limit.holds(*shown)) for name, shown in pictures]
        yield from _keep("images.resolution", limit, checks)


def _image_count(part: ImageRules, mine: Sequence[File], files: Sequence[File]) -> Iterator[Finding]:
    """Equal pictures count once. Pictures in documents count if they keep every rule. What lies in a document that
    cannot be looked into is not held against the sender."""
    keys = {file.key for file in mine}
    documents = [file.content for file in files if isinstance(file.content, Document)] if part.embedded else []
    inside = [each for document in documents for each in document.pictures]
    keys |= {each.key for each in inside if fit(part, each)}
    unseen = part.embedded and any(file.format == "doc" for file in files)
    check = _counted(part.count.holds, len(keys))
    level: Level = "advice" if unseen else part.count.level
    more = None if check.ok else passed_over(part, inside)
    for finding in _hold("images.count", level, phrases.expected(part.count), [check]):
        yield _adding(finding, more) if more else finding


def _naming(slot: Slot, naming: Naming) -> Iterator[Finding]:
    if rule := slot.naming:
        words = {"applicant": naming.applicant, "province": naming.province, "title": naming.title}
        ending = extension(naming.name)
        stem = naming.name[: -len(ending) - 1] if ending else naming.name
        check = Check(None, naming.name, rule.holds(stem, **words))
        yield from _hold("naming", rule.level, rule.template.format(**words), [check])


def _counted(holds: Callable[[int], bool], count: int) -> Check:
    return Check(None, str(count), holds(count))


def _sized(file: File, limit: SizeLimit) -> Check:
    return Check(file.name, phrases.size(file.size), limit.holds(file.size))


def _keep(rule: str, limit: Limit, checks: Sequence[Check]) -> Iterator[Finding]:
    return _hold(rule, limit.level, phrases.expected(limit), checks)


def _hold(rule: str, level: Level, expected: str, checks: Sequence[Check]) -> Iterator[Finding]:
    """A finding for each check that failed; one for all of them where none did."""
    failed = [check for check in checks if not check.ok]
    for check in failed[: bounds.FINDINGS]:
        yield _finding(rule, level, expected, check)
    if checks and not failed:
        file = checks[0].file if len(checks) == 1 else None
        yield _finding(rule, level, expected, Check(file, _together(check.measured for check in checks), True))


def _together(measured: Iterable[str]) -> str:
    different = sorted(set(measured))
    return ", ".join(different[:3]) + (" …" if len(different) > 3 else "")


def _finding(rule: str, level: Level, expected: str, check: Check) -> Finding:
    words = RULES[rule]
    zh, en = (f"“{check.file}”的", f"“{check.file}”: ") if check.file else ("", "")
    asks = "要求" if level == "required" else "建议"
    asked = "required" if level == "required" else "advised"
    return Finding(
        rule=RuleId(rule),
        level=level,
        ok=check.ok,
        measured=check.measured,
        expected=expected,
        file=check.file,
        message=Text(
            zh=f"{zh}{words.zh}：{check.measured}（{asks}：{expected}）{'，符合' if check.ok else '，不符合'}。",
            en=f"{en}{words.en}: {check.measured} ({asked}: {expected}){'' if check.ok else ', not kept'}.",
        ),
        mend=NOTHING_TO_MEND if check.ok else Text(zh=words.mend_zh, en=words.mend_en),
    )

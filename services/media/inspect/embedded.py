"""Which pictures inside documents count as pictures handed in, and why others do not. Chinese first."""

from collections.abc import Iterator, Sequence

from contracts.events.media import Text
from contracts.rulebook.material import ImageRules
from services.media.inspect import phrases
from services.media.inspect.models import Embedded


def fit(part: ImageRules, picture: Embedded) -> bool:
    """Whether a picture inside a document keeps every rule for pictures; those that do not are taken for decoration."""
    large = picture.shown is not None and (part.resolution is None or part.resolution.holds(*picture.shown))
    return large and part.format.holds(picture.format)


def passed_over(part: ImageRules, pictures: Sequence[Embedded]) -> Text | None:
    """How many pictures inside documents do not count, and for what; None where all do."""
    unfit = {each.key: each for each in pictures if not fit(part, each)}.values()
    if not unfit:
        return None
    reasons = list(_reasons(part, list(unfit)))
    zh, en = "，".join(each.zh for each in reasons), ", ".join(each.en for each in reasons)
    return Text(
        zh=f"文档里另有 {len(unfit)} 张图片没有计入：{zh}。",
        en=f"{len(unfit)} more inside documents do not count: {en}.",
    )


def _reasons(part: ImageRules, unfit: Sequence[Embedded]) -> Iterator[Text]:
    others = [each for each in unfit if not part.format.holds(each.format)]
    unread = [each for each in unfit if each.shown is None and each not in others]
    small = [each for each in unfit if each.shown is not None and each not in others]
    if others:
        kinds, asked = ", ".join(sorted({each.format for each in others})), phrases.expected(part.format)
        yield Text(
            zh=f"{len(others)} 张格式是 {kinds}（要求 {asked}）",
            en=f"{len(others)} of format {kinds} (required: {asked})",
        )
    if small and part.resolution:
        asked = phrases.expected(part.resolution)
        yield Text(zh=f"{len(small)} 张不够大（要求 {asked}）", en=f"{len(small)} too small (required: {asked})")
    if unread:
        yield Text(zh=f"{len(unread)} 张无法读取", en=f"{len(unread)} not readable")

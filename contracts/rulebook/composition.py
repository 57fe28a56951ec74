"""Which entries one applicant may have in a campaign, and which are still missing."""

from collections.abc import Iterable
from typing import NamedTuple

from contracts.ids import RuleId, ThemeId, TrackId
from contracts.rulebook.clause import Text
from contracts.rulebook.rulebook import Rulebook
from contracts.rulebook.tracks import Track


class Place(NamedTuple):
    """What an entry was opened for; `theme` is None where the track has no themes."""

    track: TrackId
    theme: ThemeId | None = None


class Breach(NamedTuple):
    """A rule about entries that is not kept: `theme-video.entries.per_theme`."""

    rule: RuleId
    text: Text


def may_open(
    rulebook: Rulebook, existing: Iterable[Place], wanted: Place, applicant: str | None = None
) -> Breach | None:
    """Why an applicant (of a kind, where kinds matter) who has these entries may not open another; None if it may."""
    track = next((each for each in rulebook.tracks if each.id == wanted.track), None)
    if track is None:
        return _breach(wanted.track, "track", f"活动没有申报类别“{wanted.track}”", f"there is no track {wanted.track}")
    if applicant and track.applicants and applicant not in track.applicants:
        return _breach(
            track.id, "applicants", "申报主体不符合该类别的要求", "this kind of applicant is not admitted here"
        )
    mine = [place for place in existing if place.track == track.id]
    return _theme_breach(track, mine, wanted.theme) or _number_breach(track, mine)


def missing(rulebook: Rulebook, submitted: Iterable[Place]) -> tuple[Breach, ...]:
    """The tracks an applicant has too few submitted entries in."""
    places = list(submitted)
    return tuple(
        _breach(
            track.id,
            "entries.min",
            f"“{track.title.zh}”至少提交 {track.entries.min} 件，现有 {count} 件",
            f"{track.title.en}: at least {track.entries.min} wanted, {count} submitted",
        )
        for track in rulebook.tracks
        if (count := sum(place.track == track.id for place in places)) < track.entries.min
    )


def _theme_breach(track: Track, mine: list[Place], theme: ThemeId | None) -> Breach | None:
    themes = {each.id: each.title for each in track.themes}
    if theme not in themes and (themes or theme is not None):
        zh = f"请从{'、'.join(title.zh for title in themes.values())}中选择一个主题" if themes else "该类别不分主题"
        en = f"choose one theme of {', '.join(themes)}" if themes else "this track has no themes"
        return _breach(track.id, "themes", zh, en)
    most = track.entries.per_theme
    if theme is None or most is None or sum(place.theme == theme for place in mine) < most:
        return None
    title = themes[theme]
    zh, en = f"主题“{title.zh}”最多提交 {most} 件", f"{title.en}: at most {most} for one theme"
    return _breach(track.id, "entries.per_theme", zh, en)


def _number_breach(track: Track, mine: list[Place]) -> Breach | None:
    most = track.entries.max
    if len(mine) < most:
        return None
    zh, en = f"“{track.title.zh}”最多提交 {most} 件", f"{track.title.en}: at most {most}"
    return _breach(track.id, "entries.max", zh, en)


def _breach(track: TrackId, rule: str, zh: str, en: str) -> Breach:
    return Breach(RuleId(f"{track}.{rule}"), Text(zh=zh, en=en))

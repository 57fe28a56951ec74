"""Rulebooks read, written, gathered in folders, and told apart by what they say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.ids import CampaignId
from contracts.rulebook import RulebookRefused, dump, load_all, parse
from contracts.rulebook.clause import Text

SMALL = CampaignId("small")
LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"])
TEXTS = st.text(LETTERS, min_size=1, max_size=40).filter(str.strip)


def test_revision_of_a_rulebook_with_another_comment_and_order_is_the_same(small: str) -> None:
    lines = small.splitlines(keepends=True)
    turned = "# 说明 a remark\n" + "".join([*lines[1:], lines[0]])
    assert parse(turned).revision == parse(small).revision


def test_revision_of_a_rulebook_with_a_default_written_out_is_the_same(small: str) -> None:
    written_out = small.replace("any_of: [mp4]}", "any_of: [mp4], level: required}")
    assert parse(written_out).revision == parse(small).revision


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("max: 5min", "max: 6min"),
        ("id: douyin", "id: wechat"),
        ("level: advice", "level: required"),
        ("小活动", "活动"),
    ],
)
def test_revision_of_a_rulebook_that_says_something_else_is_another(small: str, before: str, after: str) -> None:
    assert parse(small.replace(before, after)).revision != parse(small).revision


def test_rulebook_dumped_and_parsed_is_the_same(small: str) -> None:
    rulebook = parse(small)
    assert parse(dump(rulebook)) == rulebook


@given(TEXTS, TEXTS)
def test_rulebook_with_any_title_keeps_it_and_its_revision_through_a_dump(zh: str, en: str) -> None:
    rulebook = parse(BARE).model_copy(update={"title": Text(zh=zh, en=en)})
    again = parse(dump(rulebook))
    assert (again.title, again.revision) == (rulebook.title, rulebook.revision)


BARE = """\
id: bare
title: {zh: 活动, en: A campaign}
organiser: {zh: 组织者, en: The organiser}
time_zone: Asia/Shanghai
applicants: {kinds: [{id: school, form: studio, title: {zh: 学校, en: School}}]}
phases:
  - {id: holding, title: {zh: 开展, en: Held}, opens: 2023-06-06T00:00+08:00, closes: 2023-06-07T00:00+08:00}
"""


def test_rulebook_cannot_be_changed(small: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(parse(small), "drain", None)  # noqa: B010 # the type checker refuses it, too


def test_texts_that_yaml_1_1_reads_as_something_else_stay_texts(small: str) -> None:
    title = parse(small.replace("小活动", "12:30").replace("A small campaign", "on")).title
    assert (title.zh, title.en) == ("12:30", "on")


def test_folder_gives_its_rulebooks_by_campaign_and_leaves_cases_alone(tmp_path: Path, small: str) -> None:
    (tmp_path / "small.yaml").write_text(small, "utf-8")
    (tmp_path / "bare.yaml").write_text(BARE, "utf-8")
    (tmp_path / "small.cases.yaml").write_text("cases: []", "utf-8")
    assert sorted(load_all(tmp_path)) == ["bare", "small"]


def test_folder_keeps_earlier_revisions_at_hand(tmp_path: Path, small: str) -> None:
    before, now = parse(small.replace("max: 5min", "max: 6min")), parse(small)
    (tmp_path / "earlier").mkdir()
    (tmp_path / "small.yaml").write_text(dump(now), "utf-8")
    (tmp_path / "earlier" / "small-1.yaml").write_text(dump(before), "utf-8")
    rulebooks = load_all(tmp_path)
    assert [rulebooks[SMALL], rulebooks.at(SMALL, before.revision), rulebooks.at(SMALL, now.revision)] == [
        now,
        before,
        now,
    ]
    with pytest.raises(KeyError):
        rulebooks.at(SMALL, "0" * 64)


def test_folder_with_several_bad_files_is_refused_for_all_of_them(tmp_path: Path, small: str) -> None:
    (tmp_path / "a.yaml").write_text(small.replace("drain: 1h", "drain: -1h"), "utf-8")
    (tmp_path / "b.yaml").write_text(small.replace("id: small", "id: S"), "utf-8")
    (tmp_path / "c.yaml").write_text(small, "utf-8")
    with pytest.raises(RulebookRefused) as refused:
        load_all(tmp_path)
    assert [(Path(each.file).name, each.path) for each in refused.value.problems] == [
        ("a.yaml", "drain"),
        ("b.yaml", "id"),
        ("c.yaml", "id"),
    ]


def test_two_folders_with_one_campaign_are_refused(tmp_path: Path, small: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "small.yaml").write_text(small, "utf-8")
    with pytest.raises(RulebookRefused, match="was read from another folder too"):
        load_all(tmp_path / "one", tmp_path / "two")


def test_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulebookRefused, match="is no folder"):
        load_all(tmp_path / "none")

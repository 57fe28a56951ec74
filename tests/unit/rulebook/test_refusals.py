"""Whatever cannot hold is refused at its line and path, with what to do; and nothing else is."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.rulebook import Problem, RulebookRefused, load, parse
from tests.unit.rulebook.conftest import SMALL

TRACK, FILM = "tracks[0]", "tracks[0].slots[0]"
RULES = f"{FILM}.rules[0]"
HIDE, SIGNAL = "hide_ranking_for_last: 24h", "voting.signals.rules[0]"
HELD = f"{HIDE}\n  signals:\n    rules:\n      - {{{{kind: rate, id: it, title: {{{{zh: 甲, en: A}}}}, {{}}}}}}"
SLIPS = [
    # missing
    ("id: small\n", "", "id", 1, "is missing; add it"),
    ("    entries: {min: 1, max: 2, per_theme: 1}\n", "", f"{TRACK}.entries", 9, "is missing; add it"),
    ("{kind: archive, format", "{format", f"{FILM}.container", 20, "says no 'kind', so its rules are unknown; add it"),
    # misspelt
    ("time_zone:", "timezone:", "timezone", 4, "is not a known key; did you mean time_zone?"),
    ("duration:", "duratoin:", f"{RULES}.duratoin", 25, "is not a known key; did you mean duration?"),
    ("per_theme: 1", "per-theme: 1", f"{TRACK}.entries.per-theme", 15, "is not a known key; did you mean per_theme?"),
    ("below: 300MiB", "belwo: 300MiB", f"{FILM}.container.size.belwo", 20, "is not a known key; did you mean below?"),
    ("drain: 1h", "colour: red\ndrain: 1h", "colour", 31, "is not a known key; use one of: id, title, organiser, "),
    ("en: A small campaign", "en: A small, cut campaign", "title.cut campaign", 2, "is not a known key; a comma cut"),
    ("level: advice", "level: advise", f"{RULES}.duration.level", 25, "cannot be 'advise'; use 'required' or 'advice'"),
    ("kind: video", "kind: vidio", RULES, 22, "cannot have 'kind' 'vidio'; use 'video', 'document', 'images'"),
    ("phase: screening", "phase: screning", "review_chain[0].phase", 33, "cannot be 'screning'"),
    ("required: true", "required: yes", f"{FILM}.required", 19, "must be true or false, not 'yes'"),
    ("below: 300MiB", "below: 300M", f"{FILM}.container.size.below", 20, "'300M' is not a size"),
    ("max: 5min", "max: 5", f"{RULES}.duration.max", 25, "5 is not a length of time"),
    ("ratio: 16:9", "ratio: 16/9", f"{RULES}.aspect.ratio", 26, "'16/9' is not a ratio"),
    ("2023-06-06T00:00+08:00, closes: 2023-08-15", "2023-06-06T00:00, closes: 2023-08-15", "phases[0].opens", 28,
     "'2023-06-06T00:00' says no offset from UTC"),
    ("closes: 2023-08-15T24:00+08:00", "closes: 2023-08-35T24:00+08:00", "phases[0].closes", 28, "'2023-08-35T24:00"),
    ("zone: Asia/Shanghai", "zone: Asia/Shanghia", "time_zone", 4, "'Asia/Shanghia' is no time zone"),
    ("zone: Asia/Shanghai", "zone: ../../etc/passwd", "time_zone", 4, "'../../etc/passwd' is no time zone"),
    ("id: small", "id: ../small", "id", 1, "cannot be '../small'; use lower-case letters"),
    ("zh: 小活动", "zh: ' '", "title.zh", 2, "is empty; write something"),
    ("zh: 小活动", 'zh: "小\\u0085活动"', "title.zh", 2, "'小\\x85活动' holds line breaks or invisible characters"),
    # contradictory
    ("id: small", "id: small\nid: small", "id", 2, "is written twice, first in line 1; keep one of them"),
    ("min: 1min, max: 5min", "min: 5min, max: 1min", f"{RULES}.duration.max", 25, "max is less than min"),
    ("{min: 1, max: 2, per", "{min: 2, max: 1, per", f"{TRACK}.entries.max", 15, "max is less than min"),
    ("max: 2, per", "max: 3, per", f"{TRACK}.entries.max", 15, "max can never be reached, the themes allow 2"),
    ("closes: 2023-08-15", "closes: 2023-05-15", "phases[0].closes", 28, "closes (2023-05-15T24:00+08:00) is not"),
    ("closes: 2023-08-15T24:00+08:00", "closes: 2023-08-15T24:00+09:00", "phases[0].closes", 28,
     "2023-08-15T24:00+09:00 has another offset than Asia/Shanghai, which is +08:00 then"),
    ("closes: 2023-08-31T24:00", "closes: 2023-08-16T01:00", "phases[1].closes", 29, "closes before the last entry"),
    ("id: robots", "id: space", f"{TRACK}.themes[1].id", 14, "'space' is already the id of tracks[0].themes[0]"),
    ("[school]", "[scool]", f"{TRACK}.applicants[0]", 11, "the rulebook has no kind of applicant 'scool'; did"),
    ("votes, track: video", "votes, track: vdeo", "awards[0].basis.track", 46, "the rulebook has no track 'vdeo'; did"),
    ("province, track: video", "province, track: case", "quotas[0].track", 35, "the rulebook has no track 'case'"),
    ("closes: 2023-09-10T24:00+08:00}\n  channels", "closes: 2023-09-11T24:00+08:00}\n  channels", "voting.windows[1]",
     40, "lies outside the phase voting (2023-09-01T00:00+08:00 to 2023-09-10T24:00+08:00)"),
    ("{opens: 2023-09-07", "{opens: 2023-09-04", "voting.windows[1].opens", 40, "opens before the window above it"),
    ("per_day: 3", "per_day: 10", "voting.limits.per_day", 43, "per_day is more than per_campaign allows"),
    ("last: 24h", "last: 11d", "voting.hide_ranking_for_last", 44, "is longer than the voting itself"),
    ("basis: {kind: votes, track: video}", "basis: {kind: score}", "awards[0].basis", 46, "rests on scores, but"),
    (HIDE, HELD.format("per: entry, most: 3, within: 2d"), f"{SIGNAL}.within", 47, "within is a window of 1s to 1d"),
    (HIDE, HELD.format("per: entry, most: 0, within: 1h"), f"{SIGNAL}.most", 47, "is 0; give 1 or more"),
    (HIDE, HELD.format("per: voter, most: 3, within: 1h"), f"{SIGNAL}.per", 47, "cannot be 'voter'; use 'device'"),
    (HIDE, f"{HIDE}\n  signals: {{rules: []}}", "voting.signals.rules", 45, "needs at least 1"),
    ("before: 3d", "before: 90d", "notices[0].before", 48, "is longer than submission is open"),
    ("before: 3d, ", "", "notices[0].before", 48, "say how long before the deadline"),
    ("subject: entry", "subject: certification", "review_chain[0].subject", 33, "nobody has to be certified here"),
    ("by: province,", "by: recommender,", "review_chain[0].by", 33, "there are no recommenders"),
    ("max: 5}\n", "max: 5}\n  - {per: province, track: video, max: 6}\n", "quotas[1]", 36, "sets again what"),
    # impossible
    ("video, max: 5}", "video, max: 0}", "quotas[0].max", 35, "is 0; give 1 or more"),
    ("drain: 1h", "drain: -1h", "drain", 31, "a length of time cannot be negative"),
    ("last: 24h", "last: -1s", "voting.hide_ranking_for_last", 44, "a length of time cannot be negative"),
    ("below: 300MiB", "below: 0B", f"{FILM}.container.size.below", 20, "below is lower than anything measured"),
    ("count: {min: 1, max: 1}", "count: {min: 0, max: 0}", f"{RULES}.count.max", 23, "max is 0, so there could never"),
    ("per_entry: 1, per_day: 3, per_campaign: 9", "", "voting.limits", 43, "a voter has no limit at all"),
    ("tolerance: 1%", "tolerance: 100%", f"{RULES}.aspect.tolerance", 26, "a tolerance is at least 0% and below 100%"),
]  # fmt: skip


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(RulebookRefused) as refused:
        parse(text, "small.yaml")
    return refused.value.problems


@pytest.mark.parametrize(
    ("right", "wrong", "path", "line", "says"), SLIPS, ids=[str(slip[1]).strip() for slip in SLIPS]
)
def test_rulebook_with_one_slip_is_refused_for_it_alone(
    small: str, right: str, wrong: str, path: str, line: int, says: str
) -> None:
    assert small.count(right) >= 1
    found = problems_of(small.replace(right, wrong, 1))
    assert [(each.file, each.line, each.path, each.reason[: len(says)]) for each in found] == [
        ("small.yaml", line, path, says)
    ]


def test_rulebook_with_several_slips_is_refused_for_all_of_them(small: str) -> None:
    text = small
    for right, wrong in [
        ("time_zone", "timezone"), ("min: 1min, max: 5min", "min: 5min, max: 1min"), ("drain: 1h", "drain: -1h"),
        ("track: video, max: 5", "track: vdeo, max: 0"), ("required: true", "required: perhaps"),
        ("basis: {kind: votes, track: video}", "basis: {kind: score}"), ("per_day: 3", "per_dya: 30"),
    ]:  # fmt: skip
        text = text.replace(right, wrong, 1)
    assert [each.path for each in problems_of(text)] == [
        "timezone",
        "tracks[0].slots[0].required",
        "tracks[0].slots[0].rules[0].duration.max",
        "drain",
        "quotas[0].max",
        "quotas[0].track",
        "voting.limits.per_day",
        "voting.limits.per_dya",
        "awards[0].basis",
    ]


SCRAPS = [
    "",
    "null",
    "[]",
    "{}",
    "- ",
    ": ",
    "kind: ",
    "video",
    "-1",
    "true",
    '"',
    "#",
    "\n",
    "\t",
    "&a",
    "*a",
    "\x00",
    "16:9",
]


@settings(max_examples=40)  # each one reads a whole rulebook
@given(st.data())
def test_rulebook_spoilt_anywhere_is_read_or_refused_at_one_of_its_lines(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(SMALL)))
    text = SMALL[:start] + data.draw(st.sampled_from(SCRAPS)) + SMALL[start + data.draw(st.integers(0, 30)) :]
    try:
        parse(text)
    except RulebookRefused as refused:
        lines = {problem.line for problem in refused.problems}
        assert lines
        assert lines <= set(range(1, text.count("\n") + 2))


def test_misspelt_optional_key_beside_the_right_one_is_dropped_and_told(small: str) -> None:
    found = problems_of(small.replace("drain: 1h", "drain: 1h\ndrian: 2h"))
    assert [(each.line, each.path) for each in found] == [(32, "drian")]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "holds no rulebook"),
        ("- id: small", 1, "holds no rulebook"),
        ("id: small\ntitle: [", 2, "is not YAML"),
        ("id: small\n\ttitle: x", 2, "is not YAML"),
        ("id: a\n---\nid: b", 2, "is not YAML"),
        ("{" * 5000, 1, "is"),
        ("a: \x07", 1, "is not YAML"),
    ],
)
def test_text_that_is_no_yaml_mapping_is_refused(text: str, line: int, says: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.line, problem.reason[: len(says)]) == (line, says)


@pytest.mark.parametrize(
    ("right", "wrong", "path", "line"),
    [
        ("drain: 1h", "drain: !!python/name:os.system 1h", "drain", 31),
        ("drain: 1h", "drain: &later 1h\nextra: *later", "extra", 32),
        ("drain: 1h", "drain: 1h\n? [a, b]\n: 1", "", 32),
    ],
)
def test_yaml_beyond_plain_values_is_refused(small: str, right: str, wrong: str, path: str, line: int) -> None:
    found = problems_of(small.replace(right, wrong, 1))
    assert (line, path) in [(each.line, each.path) for each in found]


def test_list_that_contains_itself_is_refused(small: str) -> None:
    found = problems_of(small.replace("applicants: [school]", "applicants: &a [*a]"))
    assert [each.path for each in found if "anchors" in each.reason] == ["tracks[0].applicants[0]"]


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulebookRefused, match="cannot be read: No such file or directory; check the path"):
        load(tmp_path / "none.yaml")


def test_file_in_another_encoding_is_refused_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "gbk.yaml"
    file.write_bytes("id: small\ntitle: 活动".encode("gbk"))
    with pytest.raises(RulebookRefused, match=r"gbk\.yaml:2: is not UTF-8"):
        load(file)


def test_file_of_another_size_than_a_rulebook_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(RulebookRefused, match="larger than 1 MiB"):
        load(file)


def test_problem_reads_as_file_line_path_and_reason(small: str) -> None:
    (problem,) = problems_of(small.replace("drain: 1h", "drain: -1h"))
    assert str(problem) == "small.yaml:31: drain: a length of time cannot be negative; give 0s or more"

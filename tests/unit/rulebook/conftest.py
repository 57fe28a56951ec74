"""A small rulebook that holds, to be broken one line at a time."""

import pytest
from hypothesis import settings

settings.register_profile("busy-machine", deadline=None)
settings.load_profile("busy-machine")  # cores are shared: how long one example takes says nothing

SMALL = """\
id: small
title: {zh: 小活动, en: A small campaign}
organiser: {zh: 组织者, en: The organiser}
time_zone: Asia/Shanghai
applicants:
  kinds:
    - {id: school, form: studio, title: {zh: 学校, en: School}}
tracks:
  - id: video
    title: {zh: 视频, en: Video}
    applicants: [school]
    themes:
      - {id: space, title: {zh: 航天, en: Space}}
      - {id: robots, title: {zh: 机器人, en: Robots}}
    entries: {min: 1, max: 2, per_theme: 1}
    slots:
      - id: film
        title: {zh: 影片, en: Film}
        required: true
        container: {kind: archive, format: {any_of: [zip]}, size: {below: 300MiB}}
        rules:
          - kind: video
            count: {min: 1, max: 1}
            format: {any_of: [mp4]}
            duration: {level: advice, min: 1min, max: 5min}
            aspect: {ratio: 16:9, tolerance: 1%}
phases:
  - {id: submission, title: {zh: 申报, en: Submission}, opens: 2023-06-06T00:00+08:00, closes: 2023-08-15T24:00+08:00}
  - {id: screening, title: {zh: 初筛, en: Screening}, opens: 2023-06-06T00:00+08:00, closes: 2023-08-31T24:00+08:00}
  - {id: voting, title: {zh: 投票, en: Voting}, opens: 2023-09-01T00:00+08:00, closes: 2023-09-10T24:00+08:00}
drain: 1h
review_chain:
  - {id: screening, title: {zh: 初筛, en: Screening}, by: province, subject: entry, phase: screening}
quotas:
  - {per: province, track: video, max: 5}
voting:
  tracks: [video]
  windows:
    - {opens: 2023-09-01T00:00+08:00, closes: 2023-09-05T24:00+08:00}
    - {opens: 2023-09-07T00:00+08:00, closes: 2023-09-10T24:00+08:00}
  channels:
    - {id: douyin, title: {zh: 抖音, en: Douyin}}
  limits: {per_entry: 1, per_day: 3, per_campaign: 9}
  hide_ranking_for_last: 24h
awards:
  - {id: loved, title: {zh: 最受欢迎, en: Most loved}, form: plaque, to: applicant, basis: {kind: votes, track: video}}
notices:
  - {when: deadline-near, before: 3d, to: [applicant], by: [mail]}
"""


@pytest.fixture
def small() -> str:
    """The YAML text of the small rulebook."""
    return SMALL

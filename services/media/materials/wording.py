"""What a studio reads while it waits: Chinese first, and never that a fault of ours is its own."""

from services.media.queue.models import Standing


def in_words(standing: Standing) -> tuple[str, str]:
    """Where a check stands, in both languages."""
    match standing.job.state, standing.job.task:
        case "held", _:
            return (
                "工作人员正在查看此材料，您无需操作，有结果会通知您。",
                "Our staff is looking at it; there is nothing you need to do.",
            )
        case "waiting", "check":
            return _waiting(standing)
        case "running", "check":
            return "正在检查。", "It is being checked."
        case "paused", _:
            return "平台稍后会自动继续检查，材料已安全保存。", "We will go on with it by ourselves; the file is safe."
        case "running", _:
            return (
                f"已通过初步检查，正在逐字节核对、逐帧解码{_percent(standing)}。",
                f"It passed; every byte is being read and every picture decoded{_percent(standing)}.",
            )
        case _:
            return (
                "已通过初步检查，稍后逐字节核对、逐帧解码。",
                "It passed; every byte will be read and every picture decoded when there is time.",
            )


def _waiting(standing: Standing) -> tuple[str, str]:
    place, expected = standing.place or 1, standing.expected_s
    zh, en = f"排在第 {place} 位", f"Number {place} in the queue"
    if expected is None:
        return f"{zh}。", f"{en}."
    return f"{zh}，预计 {_zh_span(expected)}开始检查。", f"{en}; its check begins in about {_en_span(expected)}."


def _zh_span(seconds: int) -> str:
    return f"{max(1, seconds)} 秒后" if seconds < 90 else f"{round(seconds / 60)} 分钟后"


def _en_span(seconds: int) -> str:
    return f"{max(1, seconds)} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _percent(standing: Standing) -> str:
    return f" {standing.job.percent}%" if standing.job.percent is not None else ""

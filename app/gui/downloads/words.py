"""Downloads in words: how far, how fast, how long still, or why it stands still. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication

from app.foundation.units import bytes_text, duration_text
from app.gui.safe_text import one_line
from app.models.wanted import ENDED, Progress

translate = QCoreApplication.translate
_LONGEST = 300
_MOVING = ("asking", "downloading", "checking")


@dataclass(frozen=True, slots=True)
class Summary:
    """All downloads in one line and one bar. `share` is from 0 to 1, None while not known."""

    title: str
    detail: str
    share: float | None
    mark: Literal["moving", "still", "failed", "done"]


def is_busy(progress: Progress) -> bool:
    """Whether it would go on by itself if nobody did anything."""
    return progress.state not in (*ENDED, "paused")


def are_moving(states: Sequence[Progress]) -> bool:
    """Whether something comes in, is checked, or is about to; not where all of it waits for
    something else, such as the network, and what is queued waits for that."""
    found = {each.state for each in states}
    return bool(found & {"asking", "downloading", "checking"}) or (
        "queued" in found and "waiting" not in found
    )


def share_of(progress: Progress) -> float | None:
    """How much of it is there, from 0 to 1; None while the size is not known."""
    if progress.state == "done":
        return 1.0
    total = total_of(progress)
    return min(1.0, progress.done_bytes / total) if total else None


def total_of(progress: Progress) -> int:
    """All its bytes; what was claimed where nobody has told yet, and 0 where nobody claims."""
    return progress.total_bytes or progress.wanted.bytes


def line_of(progress: Progress) -> str:
    """One line under the name: "1.2 of 4.9 GB, 12 MB/s, 3 minutes left"."""
    state = progress.state
    if state == "failed":
        error = progress.error
        return one_line(error.title, _LONGEST) if error else translate("Downloads", "It failed.")
    if state == "done":
        return translate("Downloads", "Ready, {size}").format(size=_size(progress))
    if state == "waiting":
        return one_line(progress.note, _LONGEST) or translate("Downloads", "Waiting…")
    if state == "queued":
        return translate("Downloads", "Waits for its turn, {size}").format(size=_size(progress))
    if state == "checking":
        return one_line(progress.note, _LONGEST) or translate("Downloads", "Checking it…")
    if state == "paused" and progress.error is not None:
        return one_line(progress.error.title, _LONGEST)
    if state == "paused":
        return translate("Downloads", "Paused, {far}").format(far=_far(progress))
    if state == "asking" and not progress.done_bytes:
        return translate("Downloads", "Asking for it…")
    said = [_far(progress)]
    if progress.bytes_per_s:
        said.append(f"{bytes_text(round(progress.bytes_per_s))}/s")
    if progress.left_s is not None:
        left = duration_text(progress.left_s)
        said.append(translate("Downloads", "{time} left").format(time=left))
    return ", ".join(said)


def reason_of(progress: Progress) -> str:
    """What is to be said of an error beyond its title: why, and what to do now."""
    if progress.state not in ("failed", "paused") or progress.error is None:
        return ""
    return " ".join(part for part in (progress.error.detail, progress.error.remedy) if part)


def summary_of(states: Sequence[Progress]) -> Summary | None:
    """What the strip says; None where there is nothing to say."""
    under_way = [each for each in states if each.state not in ENDED]
    if under_way:
        return _under_way(under_way)
    failed = [each for each in states if each.state == "failed"]
    if failed:
        title = failed[0].wanted.name
        if len(failed) > 1:
            title = translate("Downloads", "{n} downloads").format(n=len(failed))
        return Summary(title, translate("Downloads", "Could not be downloaded"), None, "failed")
    if not states:
        return None
    title = states[-1].wanted.name
    if len(states) > 1:
        title = translate("Downloads", "{n} models").format(n=len(states))
    return Summary(title, translate("Downloads", "Ready"), None, "done")


def _under_way(states: Sequence[Progress]) -> Summary:
    title = states[0].wanted.name
    if len(states) > 1:
        title = translate("Downloads", "{n} downloads").format(n=len(states))
    share = None
    if all(total_of(each) for each in states):
        total = sum(total_of(each) for each in states)
        share = min(1.0, sum(each.done_bytes for each in states) / total)
    percent = "" if share is None else f"{int(100 * share)} %"
    moving = [each for each in states if each.state in _MOVING]
    if not moving:
        return Summary(title, _why_still(states, percent), share, "still")
    left = _left_s(states)
    detail = percent or translate("Downloads", "Asking for it…")
    if left is not None and percent:
        detail = translate("Downloads", "{percent}, {time} left").format(
            percent=percent, time=duration_text(left)
        )
    elif all(each.state == "checking" for each in moving):
        detail = translate("Downloads", "Checking what arrived…")
    return Summary(title, detail, share, "moving")


def _why_still(states: Sequence[Progress], percent: str) -> str:
    if any(each.state == "waiting" for each in states):
        why = translate("Downloads", "waiting for the network")
    elif any(each.state == "queued" for each in states):
        why = translate("Downloads", "waits for its turn")
    else:
        why = translate("Downloads", "paused")
    return f"{percent}, {why}" if percent else why[:1].upper() + why[1:]


def _left_s(states: Sequence[Progress]) -> float | None:
    """Until all that moves or waits for its turn is here, at the speed of now."""
    speed = sum(each.bytes_per_s for each in states)
    going = [each for each in states if each.state in ("asking", "downloading", "queued")]
    if not speed or not all(total_of(each) for each in going):
        return None
    return sum(total_of(each) - each.done_bytes for each in going) / speed


def _size(progress: Progress) -> str:
    return bytes_text(total_of(progress))


def _far(progress: Progress) -> str:
    """ "1.2 of 4.9 GB": the unit once where it is the same."""
    done = bytes_text(progress.done_bytes)
    if not total_of(progress):
        return done
    total = bytes_text(total_of(progress))
    if done.split()[-1] == total.split()[-1]:
        done = done.split()[0]
    return translate("Downloads", "{done} of {total}").format(done=done, total=total)

"""Hot topics: matters that are told faster than their own past and the city's season let one expect.

For a period, a cluster's expected number of tickets is its share of the city's intake outside the period
times the city's intake in it: weekdays, holidays and growth of the whole intake cancel out. How surprising
the number told is, is the log-likelihood ratio of the temporal scan statistic (Kulldorff 2001):
``c · ln(c / e) − (c − e)`` where c > e.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from .finder import cluster_name
from .profile import Profile
from .store import DAY, DuplicateStore, Letter, StoredTicket

PERIODS = (1, 3, 7, 14, 30)
"""Lengths of the periods looked at, in days."""
PERIODS_NOW = (1, 3, 7)
"""The same for what is hot today: a burst of three weeks ago no longer is."""
SMALLEST = 4
LEAST_SURPRISE = 6.0
"""Log-likelihood ratio from which a burst is told of: about one false alarm in four hundred periods."""
_PRIOR = 0.5
_MOST_READ = 200
"""Tickets of a topic that are read for its names, people and title."""
_LONGEST_TITLE = 30

# fmt: off
_PEOPLE = (
    "业主", "居民", "村民", "租户", "住户", "购房者", "商户", "职工", "员工", "农民工", "工人",
    "学生", "家长", "教师", "老师", "老人", "退休人员", "车主", "司机", "乘客", "患者", "投资人",
    "受害人", "消费者", "考生", "学员", "退役军人", "残疾人", "个体户", "摊贩", "游客", "骑手",
)
# fmt: on
_LEAD_IN = re.compile(
    r"^(?:关于|有关|就|请|请问|恳请|请求|再次|强烈|坚决|实名|我要"
    r"|投诉|举报|反映|反应|咨询|求助|建议|要求|质疑|呼吁|控诉)+"
)
_TAIL = re.compile(r"(?:的)?(?:问题|情况|投诉|建议|咨询|求助|诉求|反映|意见|请求|事宜|一事)+$")
_SENTENCE_END = re.compile(r"[。！？!?；;\n]")


@dataclass(frozen=True, slots=True)
class HotTopic:
    """A matter that many tell of, and more than expected. Counts are of tickets."""

    cluster: str
    title: str
    """Words of its most typical ticket, masked."""
    size: int
    recent: int
    """Told in the period from ``start`` to ``end``."""
    expected: float
    surprise: float
    """Log-likelihood ratio, at least 0; topics are ranked by it."""
    reporters: int
    """Different senders, as far as they are told apart; else the number of tickets."""
    area: str
    places: tuple[str, ...]
    people: tuple[str, ...]
    departments: tuple[str, ...]
    first: datetime
    last: datetime
    start: datetime
    end: datetime
    telling: str
    """Id of the ticket that tells most of what the others tell."""

    @property
    def growth(self) -> float:
        """How many times as many as expected."""
        return self.recent / self.expected


@dataclass(frozen=True, slots=True)
class _Burst:
    start: int
    end: int
    recent: int
    expected: float
    surprise: float


def hot_topics(
    store: DuplicateStore,
    *,
    now: datetime | None = None,
    since: datetime | None = None,
    smallest: int = SMALLEST,
    most: int = 20,
    least_surprise: float = LEAST_SURPRISE,
) -> list[HotTopic]:
    """The ``most`` hottest topics of ``store``, hottest first.

    With ``now``, only periods that end there count: what is hot today. Without, each cluster's best period
    in all its past: what was hot in a file. ``since``: only clusters with a ticket from then on.
    """
    city = _City(store.moments())
    start = int(since.timestamp()) if since is not None else 0
    sizes = store.live_clusters(since=start, smallest=smallest)
    # The second that is under way counts too: what came in it came before now.
    at = int(now.timestamp()) + 1 if now is not None else None
    bursts: list[tuple[_Burst, int, list[int]]] = []
    members = store.members(sorted(sizes))
    for cluster, numbers in members.items():
        moments = sorted(ticket.moment for ticket in store.tickets(numbers).values())
        burst = city.burst(moments, at)
        if burst is not None and burst.recent >= smallest and burst.surprise >= least_surprise:
            bursts.append((burst, cluster, numbers))
    bursts.sort(key=lambda row: (-row[0].surprise, row[1]))
    return [_topic(store, *row) for row in bursts[:most]]


class _City:
    """The whole intake, by moment."""

    def __init__(self, moments: Sequence[int]) -> None:
        self._moments = moments

    def burst(self, moments: Sequence[int], at: int | None) -> _Burst | None:
        """The most surprising period of a cluster with these ascending moments."""
        ends = [at] if at is not None else [moment + 1 for moment in moments]
        best: _Burst | None = None
        for end in ends:
            last = bisect_left(moments, end)
            for days in PERIODS if at is None else PERIODS_NOW:
                start = end - days * DAY
                recent = last - bisect_left(moments, start)
                if not recent:
                    continue
                inside = self._count(start, end)
                outside = len(self._moments) - inside
                share = (len(moments) - recent + _PRIOR) / (outside + 1)
                expected = share * inside
                surprise = 0.0
                if recent > expected:
                    surprise = recent * math.log(recent / expected) - (recent - expected)
                if best is None or surprise > best.surprise:
                    best = _Burst(start, end, recent, expected, surprise)
        return best

    def _count(self, start: int, end: int) -> int:
        return bisect_left(self._moments, end) - bisect_left(self._moments, start)


def _topic(store: DuplicateStore, burst: _Burst, cluster: int, numbers: Sequence[int]) -> HotTopic:
    tickets = store.tickets(numbers)
    read = list(numbers[-_MOST_READ:])
    profiles = store.profiles(read)
    letters = store.letters(read)
    telling = _most_typical(profiles)
    moments = sorted(ticket.moment for ticket in tickets.values())
    inside = [moment for moment in moments if burst.start <= moment < burst.end]
    senders = {profile.reporter for profile in profiles.values() if profile.reporter}
    return HotTopic(
        cluster=cluster_name(cluster),
        title=topic_title(letters[telling]),
        size=len(numbers),
        recent=burst.recent,
        expected=burst.expected,
        surprise=burst.surprise,
        reporters=len(senders) or len(numbers),
        area=_commonest(_areas(tickets)),
        places=_told_by_many(
            [(*profile.names, *profile.organisations) for profile in profiles.values()], most=3
        ),
        people=_told_by_many([_people(profile) for profile in profiles.values()], most=2),
        departments=_told_by_many([(profile.department,) for profile in profiles.values()], most=5),
        first=_time(moments[0]),
        last=_time(moments[-1]),
        start=_time(inside[0]),
        end=_time(inside[-1]),
        telling=letters[telling].ticket_id,
    )


def topic_title(letter: Letter) -> str:
    """A short title of a letter's own words, without lead-in and filler."""
    text = letter.title.strip() or _SENTENCE_END.split(letter.content.strip(), maxsplit=1)[0]
    short = _TAIL.sub("", _LEAD_IN.sub("", text)).strip(" ，,、:：")
    kept = short if len(short) >= 4 else text
    return kept if len(kept) <= _LONGEST_TITLE else kept[: _LONGEST_TITLE - 1] + "…"


def _most_typical(profiles: Mapping[int, Profile]) -> int:
    """The ticket nearest to the mean of all; the earliest among equals."""
    numbers = sorted(profiles)
    vectors = np.stack([profiles[number].vector for number in numbers])
    return numbers[int(np.argmax(vectors @ vectors.mean(axis=0)))]


def _areas(tickets: Mapping[int, StoredTicket]) -> list[str]:
    return [ticket.area for ticket in tickets.values() if ticket.area]


def _people(profile: Profile) -> tuple[str, ...]:
    return tuple(word for word in _PEOPLE if word in profile.text)


def _commonest(values: Sequence[str]) -> str:
    return Counter(values).most_common(1)[0][0] if values else ""


def _told_by_many(told: Sequence[Sequence[str]], *, most: int) -> tuple[str, ...]:
    """What a fifth of the tickets, and two at least, name; the commonest first, parts of others out."""
    counts = Counter(name for names in told for name in dict.fromkeys(names) if name)
    enough = max(2, math.ceil(len(told) / 5))
    ranked = [name for name, count in counts.most_common() if count >= enough]
    kept: list[str] = []
    for name in ranked:
        if not any(name in other or other in name for other in kept):
            kept.append(name)
    return tuple(kept[:most])


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, tz=UTC)

"""What one letter says where: words of danger, and the contexts that take their force away."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from model.urgency.clauses import Clauses, cut
from model.urgency.rulebook import IMMEDIATE, NOW, Applies, Context
from model.urgency.words import Found

_NEAR = 2
"""A word of immediacy counts this many clauses before and after the words of danger."""
_NONE: Sequence[Found] = ()


class Reading:
    """One letter in its normal form. ``found``: list name → where its words stand."""

    def __init__(self, text: str, found: Mapping[str, Sequence[Found]], contexts: Sequence[Context]) -> None:
        self.clauses: Clauses = cut(text)
        self._length = len(text)
        self._found = found
        self._present = [context for context in contexts if context.name in found]
        self._covered = {context.name: list(self._covers(context)) for context in self._present}
        self._cancelled: dict[Found, list[Context]] = {}
        self._immediate = {self.clauses.clause(place.start) for place in found.get(IMMEDIATE, _NONE)}
        self._now = {self.clauses.clause(place.start) for place in found.get(NOW, _NONE)}

    def places(self, names: Iterable[str]) -> list[Found]:
        """Where the words of the named lists stand, in order; of two that start together the longer first."""
        places = [place for name in names for place in self._found.get(name, _NONE)]
        places.sort(key=_order)
        return places

    def holds(self, place: Found, applies: Applies, despite: frozenset[str]) -> bool:
        """Whether a word of danger means what it says: not denied, supposed, past, over or a metaphor."""
        if place not in self._cancelled:
            self._cancelled[place] = [context for context in self._present if self._cancels(context, place)]
        return not any(
            applies in context.applies and context.name not in despite for context in self._cancelled[place]
        )

    def doubtful(self, despite: frozenset[str]) -> bool:
        """Whether the letter as a whole speaks of something past, over, or of an errand."""
        return any(context.letter_wide and context.name not in despite for context in self._present)

    def immediate(self, first: int, last: int) -> bool:
        """Whether the clauses ``first`` to ``last`` speak of this moment.

        That is: a word of immediacy stands near them, or a word of now opened their sentence.
        """
        if any(first - _NEAR <= clause <= last + _NEAR for clause in self._immediate):
            return True
        sentence = self.clauses.sentences[last]
        return any(clause <= last and self.clauses.sentences[clause] == sentence for clause in self._now)

    def _cancels(self, context: Context, place: Found) -> bool:
        covered = self._covered[context.name]
        if context.scope == "inside":
            return any(start < place.end and place.start < end for start, end in covered)
        if context.scope == "after":
            return any(start <= place.end <= end for start, end in covered)
        return any(start <= place.start < end for start, end in covered)

    def _covers(self, context: Context) -> Iterator[tuple[int, int]]:
        """Stretches of text within which the context takes the force from a danger word."""
        for word in self._found[context.name]:
            clause = self.clauses.clause(word.start)
            if context.scope == "inside":
                yield word.start, word.end
            elif context.scope == "before":
                yield word.end, min(word.end + context.reach + 1, self.clauses.end(clause))
            elif context.scope == "after":
                yield word.start - context.reach, word.start
            elif context.scope == "clause":
                yield word.end, self.clauses.end(clause)
            elif context.scope == "sentence":
                yield word.start, self._sentence_end(clause, context.reach)
            elif context.scope == "onwards":
                yield word.start, self._until_now(word.start, word.end, context.reach)
            elif context.scope == "around":
                sentence = self.clauses.sentences[clause]
                own_end = self._sentence_start(sentence + 1)
                yield self._sentence_start(sentence - 1), self._until_now(own_end, own_end, 1)

    def _sentence_start(self, sentence: int) -> int:
        first = bisect_left(self.clauses.sentences, sentence)
        return self.clauses.starts[first] if first < len(self.clauses.starts) else self._length

    def _sentence_end(self, clause: int, reach: int) -> int:
        sentences = self.clauses.sentences
        last = clause
        while (
            last + 1 < len(sentences) and last - clause < reach and sentences[last + 1] == sentences[clause]
        ):
            last += 1
        return min(self.clauses.end(last), self._length)

    def _until_now(self, start: int, after: int, reach: int) -> int:
        """End of the ``reach`` sentences from ``start``, or the first word of now at or behind ``after``."""
        if start >= self._length:
            return self._length
        end = self._sentence_start(self.clauses.sentence(start) + reach)
        return min(
            (now.start for now in self._found.get(NOW, _NONE) if after <= now.start < end), default=end
        )


def _order(place: Found) -> tuple[int, int]:
    return place.start, -place.end

"""What the model peer knows: deeds, one message that may still come, and what strayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

#: Message "number" of what a person did at the peer by other means.
BY_HAND = "hand"

#: Undo step → the forward steps that it undoes.
Undoes = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a message did at the peer and that still holds."""

    message: str
    step: str

    @property
    def by_hand(self) -> bool:
        """Tell whether a person did it."""
        return self.message.startswith(BY_HAND)


@dataclass(frozen=True, slots=True)
class Letter:
    """A write on its way."""

    message: str
    step: str
    undo: bool
    subject: str | None  #: the message that an undo undoes


@dataclass(frozen=True, slots=True)
class Books:
    """All that the peer knows. ``late`` is a message that will still arrive, or not."""

    deeds: tuple[Deed, ...] = ()
    late: Letter | None = None
    strays: frozenset[str] = frozenset()  #: messages that came late and did something
    undone: tuple[str, Deed] | None = None  #: the last undo that took effect, and what it undid

    def target(self, undo: str, subject: str | None, undoes: Undoes) -> Deed | None:
        """Return the deed that ``undo`` of ``subject`` is about, or else what was done by hand in its stead."""
        for deed in reversed(self.deeds):
            if deed.message == subject:
                return deed
        steps = undoes.get(undo, frozenset())
        return next((deed for deed in reversed(self.deeds) if deed.step in steps and deed.by_hand), None)

    def applied(self, message: str) -> bool:
        """Tell whether a message's deed stands."""
        return any(deed.message == message for deed in self.deeds)

    def happened(self, letter: Letter, undoes: Undoes) -> bool:
        """Tell what a look at the books tells: whether the goal of ``letter`` is reached."""
        if letter.undo:
            return self.target(letter.step, letter.subject, undoes) is None
        return self.applied(letter.message)

    def apply(self, letter: Letter, undoes: Undoes) -> Books:
        """Return the books after ``letter`` took effect."""
        if not letter.undo:
            return self if self.applied(letter.message) else self.with_deed(Deed(letter.message, letter.step))
        target = self.target(letter.step, letter.subject, undoes)
        return self if target is None else replace(self.without(target), undone=(letter.message, target))

    def with_deed(self, deed: Deed) -> Books:
        """Return the books with one more deed."""
        return replace(self, deeds=(*self.deeds, deed))

    def without(self, gone: Deed | None) -> Books:
        """Return the books without a deed."""
        return replace(self, deeds=tuple(deed for deed in self.deeds if deed is not gone))

    def arrive(self, undoes: Undoes) -> Books:
        """Return the books after the late message has come."""
        assert self.late is not None
        after = replace(self.apply(self.late, undoes), late=None)
        return after if after.deeds == self.deeds else replace(after, strays=after.strays | {self.late.message})

    def reverse(self, message: str) -> Books:
        """Return the books after ``message`` was reversed: it is undone, or will be turned away when it comes."""
        late = None if self.late is not None and self.late.message == message else self.late
        deeds = tuple(deed for deed in self.deeds if deed.message != message)
        undone = self.undone
        if undone is not None and undone[0] == message:  # reversing an undo brings back what it undid
            deeds, undone = (*deeds, undone[1]), None
        return Books(deeds, late, self.strays - {message}, undone)

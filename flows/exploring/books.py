"""What the model peer knows: deeds, one message that may still come, and what strayed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

#: Message "number" of what a person did at the peer by other means.
BY_HAND = "hand"


@dataclass(frozen=True, slots=True)
class UndoKind:
    """What an undo step undoes: the newest deed of one of ``steps`` or, when it ``sweeps``, all of them at once.

    An undo sweeps when its edge leads back further than the transition came: over every round of a loop.
    """

    steps: frozenset[str]
    sweeps: bool


#: Undo step → what it undoes.
Undoes = Mapping[str, UndoKind]


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
    undone: tuple[str, tuple[Deed, ...]] | None = None  #: the last undo that took effect, and what it undid

    def targets(self, undo: str, subject: str | None, undoes: Undoes) -> tuple[Deed, ...]:
        """Return the deeds that ``undo`` of ``subject`` is about, or else what was done by hand in its stead."""
        kind = undoes.get(undo, UndoKind(frozenset(), sweeps=False))
        if kind.sweeps:
            return tuple(deed for deed in self.deeds if deed.step in kind.steps)
        for deed in reversed(self.deeds):
            if deed.message == subject:
                return (deed,)
        return tuple(deed for deed in reversed(self.deeds) if deed.step in kind.steps and deed.by_hand)[:1]

    def applied(self, message: str) -> bool:
        """Tell whether a message's deed stands."""
        return any(deed.message == message for deed in self.deeds)

    def happened(self, letter: Letter, undoes: Undoes) -> bool:
        """Tell what a look at the books tells: whether the goal of ``letter`` is reached."""
        if letter.undo:
            return not self.targets(letter.step, letter.subject, undoes)
        return self.applied(letter.message)

    def apply(self, letter: Letter, undoes: Undoes) -> Books:
        """Return the books after ``letter`` took effect."""
        if not letter.undo:
            return self if self.applied(letter.message) else self.with_deed(Deed(letter.message, letter.step))
        gone = self.targets(letter.step, letter.subject, undoes)
        return replace(self.without(gone), undone=(letter.message, gone)) if gone else self

    def with_deed(self, deed: Deed) -> Books:
        """Return the books with one more deed."""
        return replace(self, deeds=(*self.deeds, deed))

    def without(self, gone: Collection[Deed]) -> Books:
        """Return the books without some deeds."""
        return replace(self, deeds=tuple(deed for deed in self.deeds if deed not in gone))

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
            deeds, undone = (*deeds, *undone[1]), None
        return Books(deeds, late, self.strays - {message}, undone)

"""What the service itself refuses; the engine's errors are in ``engine.errors``."""

from __future__ import annotations

from engine.errors import BadInput, NotLegal, VisitflowError


class Unauthenticated(VisitflowError):
    """Who calls is not known: send an API key as a bearer token, or sign in."""

    code = "unauthenticated"


class SignInRefused(Unauthenticated):
    """Name or password is wrong, or the account is locked."""

    code = "sign_in_refused"


class Forbidden(VisitflowError):
    """The caller's role may not do this."""

    code = "forbidden"


class CsrfRefused(Forbidden):
    """A browser's request without its session's X-CSRF-Token, or from another site's page."""

    code = "csrf_refused"


class HostRefused(Forbidden):
    """This service is not known by the name in the Host header."""

    code = "host_refused"


class RateLimited(VisitflowError):
    """Too many requests; try again after the seconds in Retry-After."""

    code = "rate_limited"


class LockedOut(RateLimited):
    """Too many failed attempts; try again after the seconds in Retry-After."""

    code = "locked_out"


class TooManyStreams(RateLimited):
    """Too many event streams are open."""

    code = "too_many_streams"


class KeyReused(BadInput):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class InProgress(VisitflowError):
    """The same request is being carried out right now; ask again in a moment."""

    code = "request_in_progress"


class UnknownThing(BadInput):
    """There is no such approval, batch, delivery or exchange."""

    code = "not_found"


class OwnRequest(Forbidden):
    """A request is approved or refused by another person than the one who made it."""

    code = "own_request"


class NotOpen(NotLegal):
    """This approval, batch or preview has been decided, has expired, or is not what was confirmed."""

    code = "not_open"


class Outdated(NotLegal):
    """The visit has moved since the approval was asked for; ask anew."""

    code = "approval_outdated"


class Moved(NotLegal):
    """The visit has moved since the page was shown; nothing was done."""

    code = "visit_moved"


class TooMany(BadInput):
    """The filter finds more visits than one batch may hold."""

    code = "too_many_visits"


class NotConfigured(VisitflowError):
    """This installation is not set up for that."""

    code = "not_configured"

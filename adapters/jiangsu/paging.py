"""Reading a list that goes on over further pages (J13, J38)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.jiangsu.contracts.base import Sent
from engine.outcomes import Done, Outcome

#: A centre that counts more pages than these is not believed.
MOST_PAGES = 1000


async def further_pages(
    member: str, request: Sent, first: Done, fetch: Callable[[Sent], Awaitable[Outcome]]
) -> Outcome:
    """Return ``first`` with the rows of all pages in ``member``, or what a page came to that could not be read.

    The exchange kept is the last page's.
    """
    rows, last = list(first.reply[member]), first
    for page in range(2, min(int(first.reply.get("pageCount", 1)), MOST_PAGES) + 1):
        following = await fetch(request.model_copy(update={"pageNumber": page}))
        if not isinstance(following, Done):
            return following
        rows.extend(following.reply[member])
        last = following
    return Done({**first.reply, member: rows}, last.exchange)

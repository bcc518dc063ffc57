"""Takes the pictures of docs/screens: ``python -m tests.console_screens`` (see tests/chromium.py)."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from service.batches import BatchWorker
from tests.chromium import MISSING, chromium
from tests.console.browser import DESKTOP, PHONE, looking, served
from tests.console.seed import Seed, seeded
from tests.history.conftest import drawn

SCREENS = Path(__file__).parents[1] / "docs" / "screens"
#: Pictures larger than this do not belong into a repository.
LARGEST = 160_000


async def take(folder: Path) -> list[Path]:
    """Take all pictures of one seeded hospital; return their files."""
    seed = await seeded(says="")
    await drawn(seed)
    taken: list[Path] = []

    async def shot(page: Any, name: str) -> None:
        path = folder / f"{name}.png"
        await page.wait_for_timeout(150)
        await page.screenshot(path=path)
        taken.append(path)

    async with served(seed) as base:
        async with looking(base) as page:
            await shot(page, "board")
            await _visit(page, seed, "doubt")
            await page.locator("details.offer summary").nth(1).click()
            await shot(page, "visit-settle")
            await page.goto("/console/visits?flow=jiangsu.outpatient")
            await shot(page, "visits")
            await page.goto("/console/flows/jiangsu.inpatient")
            await shot(page, "flow")
            await page.goto("/console/peers")
            await shot(page, "peers")
            await page.goto("/console/history?from=2026-11-14&to=2026-11-21")
            await page.wait_for_selector("#figures:not(:has([aria-busy]))")
            await shot(page, "history")
        async with looking(base, PHONE) as page:
            await shot(page, "phone-board")
            await _visit(page, seed, "doubt")
            await shot(page, "phone-visit")
        async with looking(base, DESKTOP, language="en") as page:
            await _visit(page, seed, "lines")
            await shot(page, "visit-en")
        async with looking(base) as page:  # the last: nobody is stuck afterwards
            await page.goto("/console/batches/new?status=stuck")
            await page.locator("details.offer summary").first.click()
            await page.keyboard.type("科室代码已改正，经电话确认")
            await page.get_by_role("button", name="预览").click()
            await shot(page, "batch-preview")
            await page.locator("main button").click()
            await BatchWorker(seed.wired.application, seed.desk.acting).work()
            await page.get_by_text("已处理 3 / 3").wait_for()
            await shot(page, "batch")
    return taken


async def _visit(page: Any, seed: Seed, what: str) -> None:
    await page.goto(f"/console/visits/{seed.visits[what]}")


def main() -> int:
    """Take the pictures; complain of those that are too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=SCREENS)
    folder: Path = parser.parse_args().folder
    if chromium() is None:
        sys.exit(MISSING)
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()
    folder.mkdir(parents=True, exist_ok=True)
    large = [path for path in asyncio.run(take(folder)) if path.stat().st_size > LARGEST]
    for path in large:
        print(f"{path.name}: {path.stat().st_size} bytes, more than {LARGEST}")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())

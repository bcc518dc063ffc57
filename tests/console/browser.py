"""A real server around a seeded hospital, and a headless browser that has signed in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from tests.chromium import chromium
from tests.console.seed import Seed
from tests.patience import PATIENCE
from tests.service.wired import PASSWORD

DESKTOP, PHONE = (1366, 768), (390, 844)


@asynccontextmanager
async def served(seed: Seed) -> AsyncIterator[str]:
    """Serve the hospital on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(seed.wired.api, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        seed.desk.hub.close()
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def looking(
    base: str, size: tuple[int, int] = DESKTOP, name: str = "wang", language: str = "zh"
) -> AsyncIterator[Any]:
    """Open a page, signed in. What its scripts complain of, and requests beyond ``base``, are kept in ``errors``."""
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"]
        )
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, timezone_id="Asia/Shanghai", base_url=base
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: request.url.startswith((base, "data:")) or page.errors.append(request.url))
        await page.goto("/console/login")
        if language == "en":
            await page.get_by_role("button", name="English").click()
        await page.fill("#name", name)
        await page.fill("#password", PASSWORD)
        await page.press("#password", "Enter")
        await page.wait_for_selector("#board")
        try:
            yield page
        finally:
            await browser.close()

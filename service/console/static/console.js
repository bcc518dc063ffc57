// What htmx does not do: news by Server-Sent Events with polling when they fail, and no second click while one is under way.
"use strict";
(() => {
  const POLL = 15000, GATHER = 400;

  // Follow a stream; `news` runs a moment after something happened, `look` every 15 s while the stream is away.
  function follow(url, news, tell, look = news) {
    let timer = 0, poll = 0;
    const soon = () => { clearTimeout(timer); timer = setTimeout(news, GATHER); };
    const polling = () => { if (!poll) poll = setInterval(look, POLL); tell("polling"); };
    if (!window.EventSource) return polling();
    const source = new EventSource(url);
    source.onopen = () => { clearInterval(poll); poll = 0; tell("live"); };
    source.onerror = () => polling();       // the browser comes back by itself, except after an error answer
    for (const kind of ["opened", "triggered", "concluded", "settled", "stuck", "resumed", "corrected", "undo_requested",
      "undone", "migrated", "closed", "late_looked", "looked", "timer_fired", "paused", "reset"]) source.addEventListener(kind, soon);
    window.addEventListener("pagehide", () => source.close());
  }

  const state = { board: "polling" };
  function showConnection() {
    for (const word of document.querySelectorAll("[data-connection]")) {
      word.textContent = word.dataset[state.board + "Word"];
      const box = word.closest(".live");
      box.classList.toggle("on", state.board === "live");
      box.classList.toggle("off", state.board !== "live");
    }
  }

  const board = document.getElementById("board");
  if (board) {
    follow(board.dataset.live, () => htmx.trigger(board, "news"), (how) => { state.board = how; showConnection(); });
    document.body.addEventListener("htmx:afterSwap", showConnection);
    document.body.addEventListener("htmx:sendError", () => { state.board = "offline"; showConnection(); });
    document.body.addEventListener("htmx:afterRequest", (event) => {
      if (event.detail.successful && state.board === "offline") { state.board = "polling"; showConnection(); }
    });
    setInterval(() => htmx.trigger(board, "news"), 60000);   // approvals are in no journal until they are decided
    showConnection();
  }

  // One visit: renew the page by itself only while nobody reads a form or a message in it.
  const news = document.getElementById("news");
  if (news) {
    const busy = () => document.querySelector("details[open]") !== null
      || document.activeElement?.matches("input, textarea, select") === true;
    const tell = () => { if (busy()) news.hidden = false; else location.reload(); };   // keeps the place where somebody reads
    const look = async () => {
      const answer = await fetch(news.dataset.visit, { headers: { "X-Visitflow-Automatic": "1" } }).catch(() => null);
      if (answer?.status === 401) tell();
      else if (answer?.ok && (await answer.json()).events > Number(news.dataset.after)) tell();
    };
    follow(news.dataset.live + "?after=" + news.dataset.after, tell, () => {}, look);
    if (location.search) history.replaceState(null, "", location.pathname);   // what was done is told once
  }

  // A form is sent once; the server would notice a second time, but nobody needs to see that.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }, 0);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-once]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  // An opened form puts the cursor where something has to be written.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.offer[open]")) event.target.querySelector("textarea, input:not([type=hidden])")?.focus();
  }, true);
})();

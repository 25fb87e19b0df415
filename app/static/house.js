/* Établi: the few things a page does better with a script. Each works without it, by links and plain forms. */
"use strict";

(() => {
  const QUARTER = 15; // minutes in one column of a timetable
  const LONG_PRESS = 300; // milliseconds before a finger draws instead of scrolling
  const SLIP = 6; // pixels a click may tremble

  const all = (selector, root = document) => [...(root.querySelectorAll?.(selector) ?? [])];

  /* ── forms ── */

  /** The server's words for every error, in one voice: the browser's own bubbles are only for pages without script. */
  function prepareForms(root) {
    for (const form of all("form", root)) form.noValidate = true;
    for (const box of all("input[data-reveals]", root)) reveal(box);
    for (const button of all("[data-copy]", root)) button.hidden = !navigator.clipboard;
  }

  function focusErrors(root) {
    const summary = root.querySelector?.("[data-focus], [aria-invalid='true']");
    summary?.focus();
  }

  function reveal(box) {
    const part = document.getElementById(box.dataset.reveals);
    if (part) part.hidden = !box.checked;
  }

  /** One submission at a time. The button says it works; the server forgives the second click anyway. */
  function onSubmit(event) {
    const form = event.target;
    if (form.dataset.pending !== undefined) {
      event.preventDefault();
      return;
    }
    if (event.defaultPrevented) return;
    form.dataset.pending = "";
    const button = event.submitter ?? form.querySelector("button:not([type='button'])");
    button?.setAttribute("aria-busy", "true");
    setTimeout(() => settle(form), 10000); // a download leaves the page where it is
  }

  function settle(form) {
    delete form.dataset.pending;
    for (const button of all("[aria-busy='true']", form)) button.removeAttribute("aria-busy");
  }

  async function copy(button) {
    const input = button.parentElement.querySelector("input");
    const words = button.querySelector("[data-done]");
    await navigator.clipboard.writeText(input.value);
    const before = words.textContent;
    words.textContent = words.dataset.done;
    document.getElementById("said")?.append(Object.assign(document.createElement("span"), { className: "sr-only", textContent: words.dataset.done }));
    setTimeout(() => (words.textContent = before), 2000);
  }

  /* ── time ── */

  function inWords(minutes) {
    const hours = Math.floor(minutes / 60);
    const rest = minutes % 60;
    if (!hours) return `${rest}\u00a0min`;
    return `${hours}\u00a0h${rest ? `\u00a0${String(rest).padStart(2, "0")}` : ""}`;
  }

  function tick() {
    for (const timer of all("[role='timer'][data-until]")) {
      const left = Math.ceil((Date.parse(timer.dataset.until) - Date.now()) / 60000);
      if (left > 0) timer.firstChild.textContent = `${inWords(left)} `;
      else if (timer.dataset.over === undefined) {
        timer.dataset.over = "";
        timer.firstChild.textContent = `${inWords(0)} `;
      }
    }
  }

  /* ── drawing over a free stretch ── */

  let drawing = null;
  let pressed = null; // where the mouse went down

  const freeCell = (event) => event.target.closest?.(".timetable td[data-url]");

  /** The free cells of an hour that follow each other make one stretch to draw on. */
  function stretchOf(cell) {
    const cells = [cell];
    while (cells[0].previousElementSibling?.dataset.url) cells.unshift(cells[0].previousElementSibling);
    while (cells.at(-1).nextElementSibling?.dataset.url) cells.push(cells.at(-1).nextElementSibling);
    const [first, last] = [cells[0], cells.at(-1)];
    const step = Number(first.dataset.step) || QUARTER;
    return {
      first,
      step,
      left: first.getBoundingClientRect().left,
      width: last.getBoundingClientRect().right - first.getBoundingClientRect().left,
      whole: cells.reduce((sum, one) => sum + one.colSpan, 0) * QUARTER,
      lead: (Date.parse(first.dataset.start) / 60000) % step, // how far past a step it begins
    };
  }

  /** Minutes from the start of the stretch to a step near `x`, inside it. */
  function minutesAt({ left, width, whole, step, lead }, x, round) {
    const raw = ((x - left) / width) * whole;
    const snapped = round((raw + lead) / step) * step - lead;
    return Math.min(Math.max(snapped, lead ? step - lead : 0), whole);
  }

  function wall(stretch, minutes) {
    const [, hour, minute] = /(\d+)\D*(\d+)?/.exec(stretch.first.dataset.clock);
    const at = Number(hour) * 60 + Number(minute ?? 0) + minutes;
    const [h, m] = [Math.floor(at / 60) % 24, String(at % 60).padStart(2, "0")];
    if (document.documentElement.lang === "fr") return `${h}\u00a0h${m === "00" ? "" : `\u00a0${m}`}`;
    return `${h}:${m}`;
  }

  function go({ first }, from, length) {
    const url = new URL(first.dataset.url, location.href);
    const start = new Date(Date.parse(first.dataset.start) + from * 60000);
    url.searchParams.set("start", start.toISOString().replace(".000Z", "+00:00"));
    if (length) url.searchParams.set("minutes", String(length));
    url.hash = "book";
    location.assign(url);
  }

  function begin(cell, x) {
    const stretch = stretchOf(cell);
    const mark = Object.assign(document.createElement("span"), { className: "drawn" });
    stretch.first.append(mark);
    drawing = { stretch, mark, anchor: minutesAt(stretch, x, Math.floor) };
    draw(x);
  }

  function draw(x) {
    const { stretch, mark, anchor } = drawing;
    const forward = minutesAt(stretch, x, Math.ceil) > anchor;
    const from = forward ? anchor : minutesAt(stretch, x, Math.floor);
    const until = forward ? minutesAt(stretch, x, Math.ceil) : Math.min(anchor + stretch.step, stretch.whole);
    Object.assign(drawing, { from, until });
    mark.style.insetInlineStart = `${(from / stretch.whole) * stretch.width}px`;
    mark.style.inlineSize = `${((until - from) / stretch.whole) * stretch.width}px`;
    mark.textContent = `${wall(stretch, from)} – ${wall(stretch, until)}`;
  }

  function finish() {
    const { stretch, mark, from, until } = drawing;
    drawing = null;
    if (until > from) go(stretch, from, until - from);
    else mark.remove();
  }

  function forget() {
    drawing?.mark.remove();
    drawing = pressed = null;
  }

  function drawWithMouse() {
    let drawn = false; // the click that follows a drawing is not a click
    document.addEventListener("pointerdown", (event) => {
      const cell = freeCell(event);
      drawn = false;
      pressed = cell && event.button === 0 && event.pointerType !== "touch" ? { cell, x: event.clientX } : null;
    });
    document.addEventListener("pointermove", (event) => {
      if (!pressed) return;
      if (!drawing && Math.abs(event.clientX - pressed.x) > SLIP) {
        begin(pressed.cell, pressed.x);
        drawn = true;
      }
      if (drawing) draw(event.clientX);
    });
    document.addEventListener("pointerup", () => {
      pressed = null;
      if (drawing) finish();
    });
    document.addEventListener("dragstart", (event) => freeCell(event) && event.preventDefault());
    document.addEventListener("click", (event) => {
      const cell = freeCell(event);
      if (!cell || event.detail === 0 || event.ctrlKey || event.metaKey || event.shiftKey) return; // Enter, or another tab
      event.preventDefault();
      if (drawn) return;
      const stretch = stretchOf(cell);
      go(stretch, Math.min(minutesAt(stretch, event.clientX, Math.floor), stretch.whole - stretch.step), 0);
    });
  }

  function drawWithFinger() {
    let waiting = 0;
    const stop = () => clearTimeout(waiting);
    document.addEventListener("touchstart", (event) => {
      const cell = freeCell(event);
      stop();
      if (!cell || event.touches.length > 1) return;
      const x = event.touches[0].clientX;
      waiting = setTimeout(() => {
        begin(cell, x);
        navigator.vibrate?.(10);
      }, LONG_PRESS);
    }, { passive: true });
    document.addEventListener("touchmove", (event) => {
      if (!drawing) return stop();
      event.preventDefault();
      draw(event.touches[0].clientX);
    }, { passive: false });
    document.addEventListener("touchend", (event) => {
      stop();
      if (!drawing) return;
      event.preventDefault();
      finish();
    }, { passive: false });
    document.addEventListener("touchcancel", () => (stop(), forget()));
    document.addEventListener("contextmenu", (event) => drawing && event.preventDefault());
  }

  /* ── holding instead of asking ── */

  const HOLD = 1000; // milliseconds; the stylesheet fills the button meanwhile
  let held = 0;

  /** A link with data-hold names the form that a second's pressure sends; a short click follows the link and is asked. */
  function holdToAct() {
    const letGo = () => {
      clearTimeout(held);
      for (const button of all("[data-holding]")) delete button.dataset.holding;
    };
    document.addEventListener("pointerdown", (event) => {
      const button = event.target.closest?.("a[data-hold]");
      if (!button || event.button !== 0) return;
      button.dataset.holding = "";
      held = setTimeout(() => {
        button.dataset.held = "";
        navigator.vibrate?.(20);
        document.getElementById(button.dataset.hold)?.requestSubmit();
      }, HOLD);
    });
    for (const name of ["pointerup", "pointercancel", "blur"]) addEventListener(name, letGo);
    document.addEventListener("pointerout", (event) => {
      const button = event.target.closest?.("a[data-holding]");
      if (button && !button.contains(event.relatedTarget)) letGo(); // slipped off: second thoughts
    });
    document.addEventListener("click", (event) => event.target.closest?.("a[data-held]") && event.preventDefault());
    document.addEventListener("contextmenu", (event) => event.target.closest?.("a[data-hold]") && event.preventDefault());
    document.addEventListener("dragstart", (event) => event.target.closest?.("a[data-hold]") && event.preventDefault());
    for (const words of all("[data-hold-words]")) words.hidden = false;
  }

  /** A picture that is taken anew every few seconds; hidden while there is none. */
  function takeAgain(picture) {
    const address = picture.src;
    const whole = picture.closest("figure");
    picture.addEventListener("load", () => (whole.hidden = false));
    picture.addEventListener("error", () => (whole.hidden = true));
    setInterval(() => {
      if (!document.hidden) picture.src = `${address}?at=${Date.now()}`;
    }, Number(picture.dataset.again) * 1000);
  }

  /* ── the rest of the page ── */

  function closeMenus(except) {
    for (const menu of all("details.menu[open]")) if (menu !== except) menu.open = false;
  }

  /** Screen readers speak what changes in a live region, not what was there at the start. */
  function sayAgain() {
    const said = document.getElementById("said");
    if (said?.children.length) setTimeout(() => said.replaceChildren(...[...said.children].map((one) => one.cloneNode(true))), 200);
  }

  document.addEventListener("submit", onSubmit);
  document.addEventListener("change", (event) => event.target.matches("[data-reveals]") && reveal(event.target));
  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details.menu"));
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    forget();
    const menu = document.querySelector("details.menu[open]");
    closeMenus();
    menu?.querySelector("summary").focus();
  });
  addEventListener("pageshow", (event) => event.persisted && all("form[data-pending]").forEach(settle));

  /* htmx: prepare what arrives; never take away what somebody is writing or reading; say when the line is cut. */
  const isTyped = (control) => control.value !== control.defaultValue || control === document.activeElement;
  let opened = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    const isPoll = requestConfig?.triggeringEvent === undefined && requestConfig?.verb === "get";
    if (isPoll && all("input:not([type='hidden']), textarea", target).some(isTyped)) event.detail.shouldSwap = false;
    opened = all("details[open][id]", target).map((one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target, xhr } = event.detail;
    for (const ident of opened) document.getElementById(ident)?.setAttribute("open", "");
    prepareForms(target);
    if ([409, 422].includes(xhr.status)) focusErrors(target);
    tick();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt instanceof HTMLFormElement) settle(event.detail.elt);
    document.body.toggleAttribute("data-offline", event.detail.failed && !event.detail.xhr.status);
  });

  prepareForms(document);
  focusErrors(document);
  sayAgain();
  drawWithMouse();
  drawWithFinger();
  holdToAct();
  all("img[data-again]").forEach(takeAgain);
  tick();
  setInterval(tick, 15000);
})();

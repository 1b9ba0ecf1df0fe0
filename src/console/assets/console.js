// What moves on the pages: news from the server, the keyboard, copies. Everything works without it but that.
"use strict";

const body = document.body;
const rows = document.getElementById("rows");
const MOST_ROWS = 200;

// The viewer's zone and colours, for the next page that the server makes.
function remember(name, value) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=strict`;
}
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`zone=${encodeURIComponent(zone)}`)) {
  const hadOne = document.cookie.includes("zone=");
  remember("zone", zone);
  // The first page was made without knowing the zone.
  if (!hadOne && document.querySelector("time")) location.reload();
}

function tell(text) {
  let toast = document.querySelector(".toast");
  if (!toast) {
    toast = document.createElement("div");
    toast.className = "toast";
    toast.setAttribute("role", "status");
    body.append(toast);
  }
  toast.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => toast.remove(), 2500);
}

// News. What comes within a frame is put in at once; of more than a page holds, the oldest rows go.
let paused = false;
let unshown = 0;
let waiting = [];

function put(html, keep) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = [...holder.content.children];
  for (const row of fresh) if (keep) row.classList.add("new");
  rows.prepend(...fresh);
  while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
  document.querySelector(".empty")?.remove();
}

function showUnshown() {
  const note = document.getElementById("skipped");
  if (!note) return;
  note.hidden = unshown === 0;
  note.textContent = note.dataset.text.replace("{0}", unshown.toLocaleString(document.documentElement.lang));
}

function frame() {
  const batch = waiting;
  waiting = [];
  for (const news of batch) {
    put(news.html, batch.length < 3);
    unshown += news.unshown;
  }
  showUnshown();
}

function hear(address) {
  const source = new EventSource(address);
  source.addEventListener("rows", (event) => {
    const news = JSON.parse(event.data);
    if (paused) {
      unshown += news.count + news.unshown;
      showUnshown();
      return;
    }
    if (waiting.length === 0) requestAnimationFrame(frame);
    waiting.push(news);
  });
  source.addEventListener("part", (event) => {
    const news = JSON.parse(event.data);
    const part = document.getElementById(news.id);
    // A form that a person is filling in stays.
    if (part && !part.contains(document.activeElement)) part.innerHTML = news.html;
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CONNECTING) tell(body.dataset.lost);
  });
}
if (body.dataset.live) hear(body.dataset.live);

function pause() {
  const button = document.querySelector('[data-do="pause"]');
  if (!button) return;
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  if (paused) tell(body.dataset.paused);
}

// Presses.
const themes = ["system", "light", "dark"];
const deeds = {
  pause,
  keys: () => document.getElementById("keys").showModal(),
  close: (button) => button.closest("dialog").close(),
  theme: () => {
    const root = document.documentElement;
    const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
    root.dataset.theme = next;
    remember("theme", next);
  },
  copy: async (button) => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure connection there is no clipboard to write to: the old way.
      const field = document.createElement("textarea");
      field.value = text;
      body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    tell(body.dataset.copied);
  },
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) deeds[button.dataset.do]?.(button);
});

// The keyboard: a letter alone, or one after `g`.
let at = -1;
function move(by) {
  const all = [...document.querySelectorAll("table.rows tbody tr")];
  if (all.length === 0) return;
  const marked = all.findIndex((row) => row.classList.contains("at"));
  at = Math.min(Math.max((marked < 0 ? at : marked) + by, 0), all.length - 1);
  for (const row of all) row.classList.remove("at");
  all[at].classList.add("at");
  all[at].scrollIntoView({ block: "nearest" });
}
let gone = 0;
document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input, select, textarea");
  if (event.key === "Escape" && writes) event.target.blur();
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const afterG = Date.now() - gone < 1500;
  gone = 0;
  if (afterG) {
    document.querySelector(`.rooms a[data-key="${CSS.escape(event.key)}"]`)?.click();
    return;
  }
  switch (event.key) {
    case "/":
      event.preventDefault();
      document.getElementById("find")?.focus();
      break;
    case "g":
      gone = Date.now();
      break;
    case "j":
      move(1);
      break;
    case "k":
      move(-1);
      break;
    case "Enter":
      document.querySelector("tr.at [data-open]")?.click();
      break;
    case "p":
      pause();
      break;
    case "?":
      deeds.keys();
      break;
  }
});

// Times in a form are the viewer's; the address has Unix milliseconds.
for (const field of document.querySelectorAll("input[data-ms]")) {
  const ms = Number(field.dataset.ms);
  if (field.hasAttribute("data-ms") && field.dataset.ms !== "") {
    const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
    field.value = local.toISOString().slice(0, 19);
  }
}
for (const form of document.querySelectorAll("form[data-filter]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value === "") continue;
      query.append(name, name === "from" || name === "to" ? String(new Date(value).getTime()) : value);
    }
    location.assign(query.size > 0 ? `${form.action}?${query}` : form.action);
  });
}

// Dead letters that are chosen.
for (const form of document.querySelectorAll("form[data-choose]")) {
  const boxes = () => [...form.querySelectorAll('input[name="id"]')];
  const count = form.querySelector("[data-chosen]");
  const all = form.querySelector("[data-all]");
  form.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes()) box.checked = all.checked;
    const chosen = boxes().filter((box) => box.checked).length;
    count.textContent = count.dataset.chosen.replace("{0}", String(chosen));
  });
}

// What the page does by itself: everything works without it. Fragments are swapped in place; every state is an address.
const root = document.documentElement;
const theme = localStorage.getItem("theme");
if (theme) root.dataset.theme = theme;

const places = () => [...document.querySelectorAll("[data-fragment]")];
const asked = new Map();

/** An address of a part of the page with what the other parts show now: each part's links were made when it was. */
function whole(url, place) {
  const next = new URL(url, location.href), now = new URL(location.href);
  if (next.pathname !== now.pathname) return url;
  const theirs = (key) => (places().find((one) => one.dataset.owns?.split(" ").includes(key)) ?? places().at(-1)) !== place;
  for (const key of [...next.searchParams.keys()]) if (theirs(key)) next.searchParams.delete(key);
  for (const [key, value] of now.searchParams) if (theirs(key)) next.searchParams.append(key, value);
  return next.href;
}

/** Fetch a page's fragment and put it in its place; focus and caret stay where they are. */
async function load(url, how, part) {
  const place = part?.closest("[data-fragment]") ?? places().at(-1);
  if (!place) return location.assign(url);
  if (how) url = whole(url, place);
  asked.get(place.dataset.fragment)?.abort();
  const mine = new AbortController();
  asked.set(place.dataset.fragment, mine);
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { "X-Fragment": place.dataset.fragment }, signal: mine.signal });
    if (answer.redirected && new URL(answer.url).pathname !== new URL(url, location.href).pathname) return location.assign(answer.url);
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    if (mine !== asked.get(place.dataset.fragment)) return; // a newer question was asked meanwhile
    const focus = document.activeElement;
    const [id, start, end] = [focus?.id, focus?.selectionStart, focus?.selectionEnd];
    const typed = focus?.matches?.("[data-live-input]") ? focus.value : null;
    const unfolded = [...place.querySelectorAll("details[id][open]")].map((one) => one.id);
    place.innerHTML = text; // our own template, escaped there
    for (const one of unfolded) document.getElementById(one)?.setAttribute("open", "");
    if (how === "replace") history.replaceState(null, "", answer.url);
    if (how === "push") history.pushState(null, "", answer.url);
    const again = id && document.getElementById(id);
    if (again) {
      again.focus({ preventScroll: true });
      if (typed !== null) { again.value = typed; again.setSelectionRange(start, end); }
    }
    const live = document.getElementById("live");
    if (live) live.textContent = place.querySelector("[data-say]")?.textContent ?? "";
    place.removeAttribute("aria-busy");
  } catch (error) {
    if (error.name === "AbortError") return;
    place.removeAttribute("aria-busy");
    failed(place, url, how);
  }
}

/** Say that it did not get through, with a way to try again; what was there stays. */
function failed(place, url, how) {
  place.querySelector(":scope > .banner.warn")?.remove();
  const said = document.getElementById("failed").content.cloneNode(true);
  const again = said.querySelector("[data-again]");
  again.href = url;
  again.addEventListener("click", (event) => { event.preventDefault(); load(url, how, again); });
  place.prepend(said);
}

const query = (form) => {
  const given = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const text = given.toString();
  return form.getAttribute("action") + (text ? `?${text}` : "");
};

let waiting = 0;
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-live-input]");
  if (!field) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => load(query(field.form), "replace", field), Number(field.dataset.liveInput));
});
document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-live-change]");
  if (field) load(query(field.form), "push", field);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-live]")) return;
  event.preventDefault();
  clearTimeout(waiting);
  load(query(event.target), "push", event.target);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-live]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    load(link.href, "push", link);
  }
  const file = event.target.closest("a[data-of-list]"); // of the list as it is now
  if (file) {
    const now = new URLSearchParams(location.search);
    now.set("format", new URL(file.href).searchParams.get("format"));
    file.search = now;
  }
  if (event.target.closest("[data-theme-switch]")) {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    localStorage.setItem("theme", (root.dataset.theme = dark ? "light" : "dark"));
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
// back from a profile to the list as it was left
if (location.pathname === "/customers") addEventListener("pagehide", () => sessionStorage.setItem("list", location.search));
for (const back of document.querySelectorAll("a[data-back]")) back.search = sessionStorage.getItem("list") ?? back.search;

// a menu in a row opens over the table, which would cut it off; where the place below is short, upwards
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".scroll details.menu[open]")) return;
  const [at, box] = [event.target.getBoundingClientRect(), event.target.querySelector(".menu-box")];
  const below = at.bottom + 8, high = box.offsetHeight;
  event.target.dataset.at = at.top;
  Object.assign(box.style, { position: "fixed", right: `${root.clientWidth - at.right}px`, bottom: "auto",
    top: `${below + high <= innerHeight - 8 ? below : Math.max(8, at.top - 8 - high)}px` });
}, true);
document.addEventListener("scroll", () => { // its row went away under it
  for (const menu of document.querySelectorAll(".scroll details.menu[open]"))
    if (Math.abs(menu.getBoundingClientRect().top - menu.dataset.at) > 2) menu.open = false;
}, { capture: true, passive: true });
addEventListener("popstate", () => places().forEach((place) => load(location.href, "", place)));

// a box that chooses all of its page; parts that stay open or closed as they were left
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (all) for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
  const head = event.target.matches("td.ck input") && event.target.closest("table").querySelector("[data-all]");
  if (head) head.checked = !head.closest("table").querySelector("td.ck input:not(:checked)");
  const every = (all || head) && document.querySelector("[data-every]"); // everybody found: as long as the page is
  if (every && !(all || head).checked) every.checked = false;
});
for (const part of document.querySelectorAll("details[data-remember]")) {
  const key = `open ${part.dataset.remember}`;
  if (localStorage.getItem(key) === "no") part.open = false;
  part.addEventListener("toggle", () => localStorage.setItem(key, part.open ? "yes" : "no"));
}

// keys: / searches, j and k walk the rows, x selects, Enter opens
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  if (event.target.matches?.("input, select, textarea") || document.querySelector("dialog[open]")) return;
  const rows = [...document.querySelectorAll("table.list tbody tr")];
  const now = rows.findIndex((row) => row.classList.contains("cur"));
  if (event.key === "/") { event.preventDefault(); (document.getElementById("q") ?? document.getElementById("find"))?.focus(); }
  if ((event.key === "j" || event.key === "k") && rows.length) {
    const next = rows[Math.min(rows.length - 1, Math.max(0, now + (event.key === "j" ? 1 : -1)))];
    rows[now]?.classList.remove("cur");
    next.classList.add("cur");
    next.querySelector("a.stretch")?.focus();
  }
  if (event.key === "x" && now >= 0) rows[now].querySelector("td.ck input")?.click();
});

// charts: what the pointer or the arrow keys are at
document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.(".c-plot");
  for (const one of document.querySelectorAll(".c-plot")) if (one !== plot) show(one, null);
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  show(plot, (100 * (event.clientX - box.left)) / box.width);
});
function show(plot, at) {
  const [tip, line, dot] = [".ctip", ".c-x-line", ".c-dot"].map((name) => plot.querySelector(name));
  for (const part of [tip, line, dot]) part.toggleAttribute("hidden", at === null);
  if (at === null) return;
  const points = JSON.parse(plot.closest(".chart").dataset.chart);
  const [x, y, label, value, before] = points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
  line.setAttribute("x1", `${x}%`); line.setAttribute("x2", `${x}%`);
  dot.setAttribute("cx", `${x}%`); dot.setAttribute("cy", `${y}%`);
  tip.style.left = `${x}%`; tip.style.top = `${Math.min(y, 60)}%`;
  tip.classList.toggle("at-end", x > 75);
  tip.textContent = before ? `${label}\n${value} (${before})` : `${label}\n${value}`;
}

// runs under way, as they go
const running = document.querySelector("[data-progress]");
if (running) {
  const line = new EventSource(running.dataset.progress);
  let before = null;
  line.addEventListener("progress", (event) => {
    const now = JSON.parse(event.data);
    if (before && Object.keys(before).some((name) => !(name in now))) return location.reload(); // one has ended
    before = now;
    for (const [name, told] of Object.entries(now)) {
      const place = document.querySelector(`[data-source="${CSS.escape(name)}"] [data-live-progress]`);
      if (place) place.textContent = running.dataset.says.replace("%(read)s", told.read).replace("%(new)s", told.new);
    }
  });
}

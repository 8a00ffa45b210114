// The command palette (Ctrl-K) and the list of keys (?). Without it the field in the top bar searches as a form does.
const box = document.getElementById("palette");
const field = document.getElementById("palette-q");
const list = document.getElementById("palette-found");
const keys = document.getElementById("keys");
const options = () => [...list.children];
let asked = null;
let waiting = 0;
let answered = ""; // what the options are for

/** Choose an option; the field tells who listens which it is. */
function choose(option) {
  for (const one of options()) one.setAttribute("aria-selected", String(one === option));
  field.setAttribute("aria-expanded", String(options().length > 0));
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

async function find() {
  asked?.abort();
  const mine = (asked = new AbortController());
  try {
    const answer = await fetch(`${box.dataset.find}?${new URLSearchParams({ q: field.value })}`, { signal: mine.signal });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    list.innerHTML = await answer.text(); // our own template, escaped there
    answered = field.value;
    choose(list.firstElementChild);
    box.querySelector(".none").hidden = options().length > 0;
  } catch (error) {
    if (error.name !== "AbortError") location.assign(`/customers?${new URLSearchParams({ q: field.value })}`);
  }
}

function open() {
  if (!box || box.open || keys.open) return;
  field.value = document.getElementById("find")?.value ?? "";
  list.replaceChildren();
  answered = null;
  box.showModal();
  field.select();
  find();
}

function take(option) {
  if (!option) return;
  const { href, post, do: what } = option.dataset;
  box.close();
  if (href) location.assign(href);
  if (what === "theme") document.querySelector("[data-theme-switch]").click();
  if (what === "keys") keys.showModal();
  if (post) {
    const form = Object.assign(document.createElement("form"), { method: "post", action: post, hidden: true });
    const token = Object.assign(document.createElement("input"), { name: "form", value: document.querySelector("meta[name=form]").content });
    form.append(token);
    document.body.append(form);
    form.submit();
  }
}

field?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(find, 150);
});
field?.addEventListener("keydown", (event) => {
  const all = options();
  const now = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
  const to = { ArrowDown: (now + 1) % all.length, ArrowUp: (now - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key];
  if (event.key === "Enter") {
    event.preventDefault();
    clearTimeout(waiting);
    if (answered === field.value) take(all[now]);
    else find().then(() => take(list.firstElementChild)); // typed faster than answered
  } else if (to !== undefined && all.length && !(["Home", "End"].includes(event.key) && field.value)) {
    event.preventDefault();
    choose(all[to]);
  }
});
list?.addEventListener("click", (event) => take(event.target.closest("[role=option]")));
for (const one of [box, keys]) one?.addEventListener("click", (event) => { if (event.target === one) one.close(); });

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  }
  if (event.key === "?" && keys && !event.target.matches?.("input, select, textarea") && !box.open && !keys.open) keys.showModal();
});
document.querySelector("[data-palette-at]")?.addEventListener("click", (event) => {
  if (event.detail) open(); // by the pointer; by keyboard it stays a search field
});

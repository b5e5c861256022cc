// Converts times to the user's time zone, copies texts, filters models, and fills in prompts.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Times in the user's time zone, followed by UTC.
const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" });
const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" });
for (const time of all("time")) {
  const at = new Date(time.dateTime);
  if (!at.getTimezoneOffset()) continue;
  const name = zone.formatToParts(at).find((part) => part.type === "timeZoneName").value;
  const utc = Object.assign(document.createElement("small"), { textContent: ` (${time.textContent.slice(11)})` });
  time.replaceChildren(`${local.format(at)} ${name}`, utc);
}

for (const tick of all("[data-at]")) tick.textContent = local.format(new Date(tick.dataset.at)).slice(5);

// Copy buttons, if the browser allows copying.
for (const button of navigator.clipboard ? all(".copy") : []) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// The filters of the first page.
for (const form of all(".filters")) {
  form.hidden = false;
  const name = form.querySelector("[data-filter=name]");
  const flags = all("[type=checkbox]", form);
  const rows = all(".matrix tbody tr");
  const show = () => {
    const wanted = flags.filter((flag) => flag.checked).map((flag) => flag.dataset.filter);
    for (const row of rows) {
      const has = row.dataset.flags.split(" ");
      row.hidden =
        !row.dataset.name.includes(name.value.trim()) || !wanted.every((flag) => has.includes(flag));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").value = shown < rows.length ? `${shown} of ${rows.length}` : "";
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
}

// Prompts: the input of a variable's field replaces its placeholders.
for (const prompt of all(".prompt")) {
  for (const fill of all(".fill", prompt)) fill.hidden = false;
  for (const input of all("[data-fills]", prompt)) {
    const places = all("[data-variable]", prompt).filter((place) => place.dataset.variable === input.dataset.fills);
    const placeholder = places.map((place) => place.textContent);
    input.addEventListener("input", () =>
      places.forEach((place, number) => {
        place.textContent = input.value || placeholder[number];
        place.classList.toggle("filled", input.value !== "");
      }),
    );
  }
}

// Scroll drawings to the newest end, on the right.
for (const drawing of all(".drawing")) drawing.scrollLeft = drawing.scrollWidth;

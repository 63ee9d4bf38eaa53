// The staff desk only: keys, light or dark, ticking whole tables, and a warning before unsaved work is left behind.
{
  const on = (type, handler) => document.addEventListener(type, handler);
  const KEY_PAIR = 900; // milliseconds between g and the letter that follows

  let pressedG = 0;
  on("keydown", (event) => {
    const isTyping = event.target.matches("input, textarea, select, [contenteditable]");
    if (isTyping || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "g") pressedG = Date.now();
    else if (Date.now() - pressedG < KEY_PAIR && /^[a-z]$/.test(event.key)) {
      document.querySelector(`.side [data-key="${event.key}"]`)?.click();
      pressedG = 0;
    }
  });

  on("change", ({ target }) => {
    if (!target.matches("thead .tight input")) return;
    for (const box of target.closest("table").querySelectorAll("tbody .tight input")) box.checked = target.checked;
  });

  // Light or dark, kept for a year
  on("click", (event) => {
    if (!event.target.closest("[data-theme-set]")) return;
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
  });

  // What a dialog decided may replace the part of the page that holds it: it closes first, and the notices come out of it.
  on("htmx:before:swap", ({ detail: { tasks } }) => {
    const dialog = document.querySelector("dialog:modal");
    const isReplaced = ({ target }) => (typeof target === "string" ? document.querySelector(target) : target)?.contains(dialog);
    if (!dialog || !tasks.some(isReplaced)) return;
    document.body.append(...dialog.querySelectorAll("#notices"));
    dialog.close();
  });

  let unsaved = null;
  on("input", ({ target }) => {
    const form = target.form;
    if (!form?.matches("[data-guard]")) return;
    unsaved = form;
    document.querySelector(".savebar")?.removeAttribute("hidden");
  });
  on("submit", () => (unsaved = null));
  window.addEventListener("beforeunload", (event) => unsaved?.isConnected && event.preventDefault());
}

// What HTML and htmx cannot do by themselves. Every page also works with this file missing.
{
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (type, handler, capture = false) => document.addEventListener(type, handler, capture);
  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };

  // Dialogs and drawers. The link's own address stays the path for a browser without scripts.
  const open = (dialog) => {
    if (!dialog || dialog.open) return;
    dialog.showModal();
    for (const part of $$('[hx-trigger="drawer:open"]', dialog)) part.dispatchEvent(new Event("drawer:open"));
  };
  on("click", (event) => {
    const link = event.target.closest("[data-open]");
    const dialog = link && document.getElementById(link.dataset.open);
    if (dialog && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      open(dialog);
    }
    // The backdrop.
    if (event.target.matches("dialog:modal")) event.target.close();
    if (event.target.matches("[data-dismiss]")) event.target.closest(".note").remove();
    for (const menu of $$("details[name][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  on("cart:added", () => {
    const drawer = $("#cart-drawer");
    // Its body came with the answer.
    if (drawer && !drawer.open) drawer.showModal();
  });
  if (!("commandForElement" in HTMLButtonElement.prototype)) {
    on("click", (event) => {
      const button = event.target.closest("[commandfor]");
      const dialog = button && document.getElementById(button.getAttribute("commandfor"));
      if (dialog) button.getAttribute("command") === "close" ? dialog.close() : open(dialog);
    });
  }

  // Notices. Whatever is outside a modal dialog cannot be reached, so the notices live inside it while it is open.
  const notices = () => {
    const box = $("#notices");
    const home = $("dialog:modal") ?? document.body;
    if (box && (box.closest("dialog") ?? document.body) !== home) home.append(box);
    return box;
  };
  on("close", (event) => event.target.contains($("#notices")) && document.body.append($("#notices")), true);

  const expire = (toast) => {
    if (toast.matches(":hover, :focus-within")) setTimeout(expire, 2000, toast);
    else toast.remove();
  };
  const time = () => {
    for (const toast of $$("#notices .toast:not([data-timed])")) {
      toast.dataset.timed = "";
      setTimeout(expire, 6000, toast);
    }
  };
  const undoForm = ({ action, values = {}, label = "Undo", target = "#notices", swap = "none" }) => {
    const form = make("form", { action, method: "post" });
    form.setAttribute("hx-post", action);
    form.setAttribute("hx-swap", swap);
    form.setAttribute("hx-target", target);
    for (const [name, value] of Object.entries(values)) form.append(make("input", { type: "hidden", name, value }));
    form.append(make("button", { className: "link", textContent: label }));
    form.addEventListener("htmx:finally:request", () => form.closest(".toast")?.remove());
    return form;
  };
  on("toast", ({ detail }) => {
    const toast = make("div", { className: "toast" }, detail.text ?? detail.value);
    if (detail.undo) toast.append(undoForm(detail.undo));
    notices().append(toast);
    htmx.process(toast);
    time();
  });

  // Trouble on the way: the page stays as it was, and the same thing can be tried again.
  const retry = ({ sourceElement, sourceEvent, request }) => {
    if (!sourceElement.isConnected) location.reload();
    else if (sourceElement.matches("form"))
      sourceElement.requestSubmit(request.submitter?.isConnected ? request.submitter : null);
    else if (sourceEvent?.type === "click") sourceElement.click();
    else sourceElement.dispatchEvent(new Event(sourceEvent?.type ?? "click", { bubbles: true }));
  };
  const failed = (ctx, sentence) => {
    if (/^(every|load|input)$/.test(ctx.sourceEvent?.type)) return;
    const box = notices();
    $("[data-failed]", box)?.remove();
    const again = make("button", { className: "link", type: "button", textContent: "Retry" });
    const note = make("div", { className: "note bad", role: "alert" }, make("span", {}, sentence), again);
    note.dataset.failed = "";
    again.addEventListener("click", () => (note.remove(), retry(ctx)));
    box.append(note);
  };
  on("htmx:response:error", ({ detail: { ctx } }) => {
    if (ctx.response.status >= 500) failed(ctx, "That did not work, and the fault is on our side.");
  });
  on("htmx:error", ({ detail: { ctx } }) => {
    if (ctx) failed(ctx, "We could not reach the shop. Check your connection, then try again.");
  });

  // Busy. A form that is on its way cannot be sent twice. The button keeps its focus: it is not disabled, only deaf.
  const buttons = (form) => $$("button:not([type]), [type=submit]", form);
  const busy = (form) => {
    form.dataset.busy = "";
    for (const button of buttons(form)) button.ariaDisabled = "true";
  };
  const ready = (form) => {
    delete form.dataset.busy;
    form.classList.remove("htmx-request");
    for (const button of buttons(form)) button.ariaDisabled = null;
  };
  // A download never leaves the page, so a form must not stay deaf for ever.
  const LONGEST_WAIT = 15_000;
  on("submit", (event) => {
    if (!("busy" in event.target.dataset)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  on("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || (event.submitter?.formMethod || form.method) !== "post") return;
    // After the browser has read the fields.
    setTimeout(() => (busy(form), form.classList.add("htmx-request")));
    setTimeout(ready, LONGEST_WAIT, form);
  });
  const waiting = new WeakMap();
  on("htmx:before:request", ({ detail: { ctx } }) => {
    const { sourceElement: source, target, request } = ctx;
    if (request.method !== "GET" && source.matches("form") && !/replace/.test(source.getAttribute("hx-sync"))) busy(source);
    if (!(target instanceof Element) || target === document.body || target.matches("#suggest")) return;
    if (ctx.sourceEvent?.type === "every") return;
    target.ariaBusy = "true";
    waiting.set(ctx, target);
  });
  on("htmx:finally:request", ({ target, detail: { ctx } }) => {
    const dimmed = waiting.get(ctx);
    if (dimmed) dimmed.ariaBusy = null;
    const form = ctx.request.form ?? target;
    if (!("busy" in (form.dataset ?? {}))) return;
    // The browser is leaving for another page.
    if (ctx.keepIndicators) setTimeout(ready, LONGEST_WAIT, form);
    else ready(form);
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    // After Back a page may come as it was then, from the disk. Htmx begins in a timer, and hears nothing before.
    if (!persisted && performance.getEntriesByType("navigation")[0].type !== "back_forward") return;
    $$("[data-busy]").forEach(ready);
    setTimeout(() => $("#cart-badge")?.dispatchEvent(new Event("back")));
  });

  // After a swap: say what is wrong, keep what the shopper had opened, show the right picture.
  const opened = new Map();
  on("click", ({ target }) => {
    const details = target.closest("details[id] > summary")?.parentNode;
    if (details) opened.set(details.id, !details.open);
  });
  on("htmx:before:swap", notices);
  on("htmx:after:swap", ({ detail: { ctx } }) => {
    time();
    for (const [id, isOpen] of opened) document.getElementById(id)?.toggleAttribute("open", isOpen);
    if ([409, 422].includes(ctx.response?.status)) ($("#errs") ?? $('[aria-invalid="true"]', ctx.sourceElement))?.focus();
    const image = $("#buy[data-image]")?.dataset.image;
    if (image && ctx.request?.action.startsWith("/p/")) show(document.getElementById(image));
  });
  on("input", ({ target }) => {
    if (target.ariaInvalid !== "true" || !target.checkValidity()) return;
    target.ariaInvalid = null;
    document.getElementById(`${target.id}-error`)?.setAttribute("hidden", "");
  });
  on("htmx:config:request", (event) => {
    const { sourceElement: source, request } = event.detail.ctx;
    if (request.method !== "GET") return;
    for (const [name, value] of [...request.body]) if (value === "") request.body.delete(name);
    if (source.matches(".find input") && source.value.trim().length < 2) {
      event.preventDefault();
      $(".suggest")?.setAttribute("hidden", "");
    }
  });

  // Steppers
  on("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    const box = button.closest(".stepper");
    const input = $("input", box);
    const lowest = Number(input.min || 0);
    const highest = Number(input.max || 999);
    input.value = Math.max(lowest, Math.min(highest, Number(input.value) + Number(button.dataset.step)));
    for (const each of $$("[data-step]", box)) {
      each.disabled = Number(input.value) === (each.dataset.step < 0 ? lowest : highest);
    }
    // Pressed by key: do not lose the place.
    if (button.disabled && event.detail === 0) input.focus();
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // Gallery
  const mark = (id) => {
    for (const link of $$(".thumbs a")) link.ariaCurrent = link.hash === `#${id}` ? "true" : null;
  };
  const show = (picture) => {
    if (!picture) return;
    const strip = picture.parentNode;
    strip.scrollTo({ left: picture.offsetLeft - strip.firstElementChild.offsetLeft, behavior: "smooth" });
    mark(picture.id);
  };
  on("click", (event) => {
    const link = event.target.closest(".thumbs a");
    if (!link) return;
    event.preventDefault();
    show($(link.hash));
  });
  on("scrollend", ({ target }) => {
    if (!target.matches?.(".gal-main")) return;
    mark(target.children[Math.round(target.scrollLeft / target.clientWidth)]?.id);
  }, true);

  // Keys: / goes to search, arrows walk the suggestions, Esc closes them.
  on("keydown", (event) => {
    const isTyping = event.target.matches("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !isTyping && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      $("header [type=search]")?.focus();
    }
    if (event.key === "Escape") {
      const menu = event.target.closest("details[name][open]");
      if (menu) (menu.open = false), $("summary", menu).focus();
    }
    const box = event.target.closest(".find");
    const panel = box && $(".suggest", box);
    if (!panel || panel.hidden) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      const stops = $$("input[type=search], .suggest a", box);
      const next = stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
      stops.at(next % stops.length).focus();
    }
    if (event.key === "Escape") {
      event.preventDefault();
      panel.hidden = true;
      $("input", box).focus();
    }
  });
  const leave = ({ target }) => target.closest(".find") || $(".suggest")?.setAttribute("hidden", "");
  on("focusin", leave);
  on("click", leave);

  time();
}

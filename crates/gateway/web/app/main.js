// The frame around every page: navigation, key, connection, light and dark.

import { events, get } from "./api.js";
import { button, h, openDialog, replace } from "./dom.js";
import { toastError } from "./notices.js";
import { show, start } from "./router.js";
import { forgetKey, keepKey, key } from "./session.js";

const account = document.querySelector("#account");
const banner = document.querySelector("#banner");
let dialog = null;

/** Asks for a key; `wrong` if the previous one was refused. */
function askForKey(wrong) {
  if (dialog) {
    dialog.querySelector(".field-error").textContent = wrong ? "This key is not one of this cluster's, or it was revoked." : "";
    return;
  }
  const error = h("p", { class: "field-error", id: "key-error", role: "alert" }, wrong ? "This key is not one of this cluster's, or it was revoked." : "");
  const input = h("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false", "aria-describedby": "key-hint key-error" });
  const submit = async (event) => {
    event.preventDefault();
    const before = key();
    keepKey(input.value.trim());
    error.textContent = "";
    try {
      await get("/simulations/batch/usage");
      dialog?.close();
      await showAccount();
      show();
    } catch (failure) {
      if (before === null) forgetKey();
      if (failure.status !== 401) toastError(failure);
      input.select();
    }
  };
  const form = h(
    "form",
    { onsubmit: submit },
    h("label", { for: "key" }, "API key"),
    input,
    h("p", { class: "hint", id: "key-hint" }, "It stays in this tab until you close it, and is sent to this server only."),
    error,
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Use this key")),
  );
  dialog = openDialog("This cluster asks for a key", form, { onclose: () => (dialog = null) });
  input.focus();
}

/** Shows the user at the top. */
async function showAccount() {
  const enter = button("Key", () => askForKey(false), { class: "quiet", title: "Enter an API key" });
  try {
    const usage = await get("/simulations/batch/usage");
    const who = h("span", { class: "who", title: `tier ${usage.tier}` }, usage.user_id);
    const out = () => {
      forgetKey();
      location.assign("/");
    };
    replace(account, who, key() ? button("Forget key", out, { class: "quiet" }) : null);
  } catch {
    replace(account, enter);
  }
}

function showTheme() {
  const chosen = localStorage.getItem("carlo.theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
  const toggle = document.querySelector("#theme");
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => toggle.setAttribute("aria-label", isDark() ? "Use light colors" : "Use dark colors");
  toggle.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("carlo.theme", theme);
    label();
    dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    label();
    dispatchEvent(new Event("themechange"));
  });
  label();
}

events.addEventListener("key", ({ detail }) => askForKey(detail.wrong));
events.addEventListener("lost", () => {
  banner.hidden = false;
  banner.textContent = "No connection to the server. This page tries again by itself.";
});
events.addEventListener("back", () => {
  banner.hidden = true;
  banner.textContent = "";
});

showTheme();
showAccount();
start();

// Signing in with a key: the form that appears when the server asks for one, and the way out again.

import { root } from "./dom.js";
import { PAGE_HEADERS, problemOf } from "./stream.js";

const byId = (name) => document.getElementById(`sign-in-${name}`);
const view = document.getElementById("sign-in");
let done = () => {};

/** Show the form; `onDone` is called once the key was taken. A page that shows nothing of its own yet is loaded again instead. */
export function signIn(onDone = () => location.reload()) {
  done = onDone;
  if (view.open) return;
  byId("problem").textContent = "";
  view.showModal();
  byId("key").focus();
}

async function submit() {
  byId("send").disabled = true;
  try {
    const headers = { "Content-Type": "application/json", ...PAGE_HEADERS };
    const body = JSON.stringify({ key: byId("key").value.trim() });
    const response = await fetch(`${root()}sign-in`, { method: "POST", headers, body });
    if (!response.ok) throw await problemOf(response);
    byId("key").value = "";
    view.close();
    done();
  } catch (error) {
    byId("problem").textContent = error.status === 401 ? "This key is not valid." : (error.detail ?? "The server cannot be reached.");
    byId("key").select();
  } finally {
    byId("send").disabled = false;
  }
}

async function signOut() {
  await fetch(`${root()}sign-out`, { method: "POST", headers: PAGE_HEADERS }).catch(() => {});
  try {
    sessionStorage.clear(); // the conversation is for whoever was signed in
  } catch {
    // storage is off: there is nothing to forget
  }
  location.reload();
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
document.getElementById("sign-out")?.addEventListener("click", signOut);
if ("signedOut" in view.dataset) signIn();

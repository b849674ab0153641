// What the collection holds, what may be asked of it, and how much of it is ready while it is still being read.

import { el, root } from "./dom.js";
import { signIn } from "./sign-in.js";

const LOOK_AGAIN_MS = 3000;

function questionsFor(documents) {
  const companies = [...new Set(documents.map(({ company }) => company).filter(Boolean))];
  const periods = (name) => documents.filter(({ company }) => company === name).map(({ period }) => period).filter(Boolean);
  const [first, second = first, third = first] = companies;
  if (!first) return [];
  const [years, latest] = [[...new Set(periods(second))].sort(), periods(first).sort().at(-1)];
  return [
    `What was the revenue of ${first}${latest ? ` in ${latest}` : ""}?`,
    years.length > 1 ? `How did the operating profit of ${second} change from ${years.at(-2)} to ${years.at(-1)}?` : "",
    `What are the main risks of ${third}?`,
  ].filter(Boolean);
}

async function listed() {
  const documents = [];
  let pages = 0;
  for (let cursor = ""; cursor !== null; pages += 1) {
    const query = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(`${root()}documents?limit=500${query}`, { headers: { Accept: "application/json" } });
    if (response.status === 401) signIn();
    if (!response.ok) return null;
    const { documents: more = [], next_cursor: next = null } = await response.json();
    documents.push(...more);
    cursor = next;
  }
  return { documents, pages };
}

/** Say how many documents can be searched, and nothing when all that can be read are; look again until then. */
function showReady(place, { documents, pages }) {
  const having = (status) => documents.filter((document) => document.status === status).length;
  const [ready, pending, unavailable] = [having("ready"), having("pending"), having("unavailable")];
  const why = documents.find(({ status }) => status === "unavailable");
  const out = unavailable ? ` ${unavailable} cannot be read (${why.filename}: ${why.reason}).` : "";
  const words = pending ? place.dataset.words : "Documents";
  place.textContent = pending || unavailable ? `${words}: ${ready} of ${ready + pending + unavailable} are ready.${out}` : "";
  place.hidden = !(pending || unavailable);
  if (pending) setTimeout(() => lookAgain(place, { documents, pages }), LOOK_AGAIN_MS * pages);
}

async function lookAgain(place, held) {
  const seen = place.offsetParent !== null && !document.hidden;
  const found = seen ? await listed().catch(() => held) : held;
  if (found) showReady(place, found);
}

/** Fill the welcome with what there is. */
export async function showCollection(welcome) {
  const found = await listed();
  if (!found) return;
  const { documents } = found;
  const companies = new Set(documents.map(({ company }) => company).filter(Boolean)).size;
  const count = `${documents.length} document${documents.length === 1 ? "" : "s"}`;
  const collection = welcome.querySelector("#collection");
  collection.textContent = companies > 1 ? `${count} of ${companies} companies.` : `${count}.`;
  collection.hidden = false;
  const examples = questionsFor(documents).map((words) => el("li", {}, el("button", { type: "button" }, words)));
  welcome.querySelector("#examples").append(...examples);
  showReady(welcome.querySelector("#reading"), found);
}

// How the figures of an answer were computed: each one's formula and operands, and the pages that these stand on.

import { el, pageLink } from "./dom.js";

const SCALES = { 3: "thousand", 5: "lakh", 6: "million", 7: "crore", 9: "billion", 12: "trillion" };
const UNITS = { percent: " %", days: " days", times: " times" };

/**
 * Return a details element for `calculations`, null where there are none. `hrefOf(operand)` is the address of an operand's
 * page, or null; `onShow(event, operand)` is called when the reader wants to see it.
 */
export function calculationList(calculations, hrefOf, onShow) {
  if (!calculations.length) return null;
  const count = calculations.length === 1 ? "the figure was" : `the ${calculations.length} figures were`;
  const items = calculations.map(({ text, formula, operands }) =>
    el(
      "li",
      {},
      el("p", {}, el("strong", {}, text), formula ? ` = ${formula}` : ""),
      el("ul", {}, ...operands.map((operand) => operandItem(operand, hrefOf(operand), onShow))),
    ),
  );
  return el("details", { class: "calculations" }, el("summary", {}, `How ${count} computed`), el("ol", {}, ...items));
}

function operandItem(operand, href, onShow) {
  const words = [operand.label, operand.period].filter(Boolean).join(", ");
  const place = `page ${operand.page}`;
  const label = `${words}: ${amount(operand)}, page ${operand.page}`;
  const link = href ? pageLink({ "aria-label": label, title: operand.quote }, href, (event) => onShow(event, operand), place) : place;
  return el("li", {}, el("span", { class: "operand" }, words), el("span", { class: "amount" }, amount(operand)), link);
}

function amount({ value, unit, scale, currency }) {
  const digits = value.toLocaleString("en-US", { maximumFractionDigits: 6 }).replace("-", "−");
  return [currency, `${digits}${UNITS[unit] ?? ""}`, SCALES[scale]].filter(Boolean).join(" ");
}

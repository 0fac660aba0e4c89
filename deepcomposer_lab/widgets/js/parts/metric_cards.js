// The five metrics, each beside the band of the data that the model learnt from.
import { h } from "./dom.js";

/**
 * @typedef {{name: string, label: string, value: number | null, was: number | null, low: number | null, high: number | null,
 *   minimum: number, maximum: number, data: string, verdict: string, reason: string | null}} MetricRow
 */

/** @param {MetricRow[]} rows */
export function metricCards(rows) {
  const data = rows.find((row) => row.data)?.data ?? "the data";
  return h("section", { class: "dc-metrics", "aria-label": "Metrics" },
    h("div", { class: "dc-metrics-head" },
      h("b", {}, "Beside the music it learnt from"),
      h("span", { class: "dc-spread dc-metrics-key" },
        h("i", { class: "dc-band-mark", "aria-hidden": "true" }), `middle 80 % of the ${data}`,
        h("i", { class: "dc-was-mark", "aria-hidden": "true" }), "before", h("i", { class: "dc-now-mark", "aria-hidden": "true" }), "after")),
    h("div", { class: "dc-metrics-row" }, ...rows.map(card)));
}

/** @param {MetricRow} row */
function card(row) {
  const share = (/** @type {number} */ value) => `${Math.max(0, Math.min(1, (value - row.minimum) / (row.maximum - row.minimum || 1))) * 100}%`;
  const digits = row.maximum > 2 ? 1 : 2;
  const applies = row.value !== null;
  return h("div", { class: "dc-metric" },
    h("div", { class: "dc-metric-label" }, row.label),
    h("div", {}, h("b", { class: "dc-metric-value" }, applies ? /** @type {number} */ (row.value).toFixed(digits) : "–"),
      applies && row.was !== null ? h("span", { class: "dc-hint" }, ` was ${row.was.toFixed(digits)}`) : null),
    h("div", { class: "dc-metric-scale", "aria-hidden": "true" },
      applies && row.low !== null && row.high !== null
        ? h("i", { class: "dc-band", style: `left: ${share(row.low)}; right: calc(100% - ${share(row.high)})` }) : null,
      applies && row.was !== null ? h("i", { class: "dc-was", style: `left: ${share(row.was)}` }) : null,
      applies ? h("i", { class: "dc-now", style: `left: ${share(/** @type {number} */ (row.value))}` }) : null),
    h("div", { class: "dc-metric-verdict" }, row.reason ?? row.verdict));
}

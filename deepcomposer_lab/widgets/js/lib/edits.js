// An editor's edits on their way to the kernel and back: which of the pieces that come are this page's own.

/**
 * The kernel sends every piece to every page that shows it, with whose it is: `{page, number}` of the edit that made it,
 * or anything else where a cell gave it. A page's own edit is on its roll already, and must not come over what was
 * drawn since.
 */
export class EditLine {
  /** @param {string} page a name that no other page has */
  constructor(page) {
    this.page = page;
    this.number = 0;
    this._floor = 0;
  }

  /** The next edit's name. */
  next() {
    return { page: this.page, number: ++this.number };
  }

  /**
   * Whether a piece that comes is to be shown: all but this page's own. After a piece of somebody else's the edits
   * sent before it come over it in the kernel too, and are shown.
   * @param {{page?: string, number?: number} | null | undefined} edit
   */
  takes(edit) {
    if (edit?.page === this.page && /** @type {number} */ (edit.number) > this._floor) return false;
    this._floor = this.number;
    return true;
  }
}

/** How many notes there are, and what was done to them, in words. @param {{title: string, count: number, chosen: number, changes: {added: {size: number}, removed: {length: number}, lengths: {size: number}} | null, alone: string | null}} facts */
export function stateWords({ title, count, chosen, changes, alone }) {
  const notes = (/** @type {number} */ number) => `${number.toLocaleString("en")} note${number === 1 ? "" : "s"}`;
  const changed = changes && [[changes.added.size, "added"], [changes.removed.length, "removed"], [changes.lengths.size, "of other length"]]
    .filter(([number]) => number).map(([number, words]) => `${number} ${words}`).join(", ");
  return [
    `${title}: ${notes(count)}`, chosen ? `${chosen.toLocaleString("en")} chosen` : "", changes ? changed ? `${changed} since before` : "nothing changed since before" : "",
    alone ? `editing ${alone} alone` : "",
  ].filter(Boolean).join(" · ");
}

/** A range of numbers in words: "72", or "60 to 90". @param {number[]} numbers */
export function rangeWords(numbers) {
  if (!numbers.length) return "–";
  let least = Infinity, most = -Infinity;
  for (const number of numbers) { least = Math.min(least, number); most = Math.max(most, number); }
  const short = (/** @type {number} */ number) => String(+number.toFixed(2));
  return short(least) === short(most) ? short(least) : `${short(least)} to ${short(most)}`;
}

// A list of any length of which only the rows in view are in the page, with the browser's own scroll bar. A row has at
// least the height of one line; what it has more is measured when it is drawn. No browser draws a box of more than
// some million pixels, so a longer list scrolls faster than its bar.
const SPARE = 24; // rows that are drawn above and below what is seen
const BLOCK = 256;
const HIGHEST = 8e6;

export class Window {
  // `line(position)` is what is known of a row (undefined: nothing yet), `build(position, line)` makes its element,
  // `missing(first, last)` is told which are not known, `moved()` that the reader has scrolled,
  // `painted(position)` which row is the first in view.
  constructor(view, list, { line, build, missing, moved, painted }) {
    Object.assign(this, { view, list, line, build, missing, moved, painted, total: 0, pin: null, own: 0, widest: 0 });
    this.space = list.parentElement;
    this.shown = new Map();
    this.forget();
    view.addEventListener("scroll", () => {
      if (Math.abs(view.scrollTop - this.own) > 1) {
        this.pin = null;
        this.own = view.scrollTop;
        this.moved();
      }
      this.plan();
    }, { passive: true });
    let width = view.clientWidth;
    new ResizeObserver(() => {
      if (width !== view.clientWidth) this.forget();
      width = view.clientWidth;
      this.plan();
    }).observe(view);
  }

  forget() { // how high rows are: the width has changed, or the rows
    this.extra = new Map();
    this.blocks = [];
    this.widest = 0;
    this.high = parseFloat(getComputedStyle(this.list).lineHeight) || 20;
  }

  clear() {
    this.list.replaceChildren();
    this.shown.clear();
    this.forget();
  }

  offset(position) { // of a row's upper edge, in pixels of the whole list
    const block = Math.floor((position - 1) / BLOCK);
    let found = (position - 1) * this.high;
    for (let at = 0; at < Math.min(block, this.blocks.length); at += 1) found += this.blocks[at] ?? 0;
    if (this.blocks[block]) for (let at = block * BLOCK + 1; at < position; at += 1) found += this.extra.get(at) ?? 0;
    return found;
  }

  at(y) { // the row at that height
    let low = 1, high = this.total;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.offset(middle) <= y) low = middle; else high = middle - 1;
    }
    return low;
  }

  get size() { return this.offset(this.total + 1); }
  get room() { return this.view.clientHeight - this.space.offsetTop * 2; }
  get ratio() { // pixels of the list for each of the bar
    const size = this.size;
    return size > HIGHEST ? (size - this.room) / (HIGHEST - this.room) : 1;
  }
  get top() { return this.view.scrollTop * this.ratio; }
  set top(y) {
    this.view.scrollTop = Math.max(0, y) / this.ratio;
    this.own = this.view.scrollTop;
  }
  get isAtEnd() { return this.top + this.room >= this.size - this.high * 1.5; }

  keep(position) { // that row stays in the middle, and "end" at the bottom, until the reader scrolls; null is the top
    this.pin = position;
    if (!position) this.top = 0;
    this.paint();
  }

  plan() {
    this.planned ??= requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.planned = cancelAnimationFrame(this.planned);
    for (let round = 0; round < 4; round += 1) {
      this.space.style.height = `${Math.min(this.size, HIGHEST)}px`;
      if (this.pin === "end") this.top = this.size - this.room;
      else if (this.pin) this.top = this.offset(this.pin) - this.room / 2 + this.high;
      this.draw();
      if (!this.measure()) break;
    }
    this.painted(this.at(this.top + this.high / 2));
  }

  draw() {
    const { top, total } = this;
    const first = Math.max(1, this.at(top) - SPARE), last = Math.min(total, this.at(top + this.room) + SPARE);
    for (const [position, row] of this.shown) {
      if (position < first || position > last) { row.element.remove(); this.shown.delete(position); }
    }
    let before = null, gap = [];
    for (let position = last; position >= first; position -= 1) {
      const line = this.line(position);
      let row = this.shown.get(position);
      if (!line) gap = [position, gap[1] ?? position];
      if (!row || (line && row.line !== line)) {
        const element = this.build(position, line);
        if (row) row.element.replaceWith(element); else this.list.insertBefore(element, before);
        this.shown.set(position, row = { element, line });
      }
      before = row.element;
    }
    this.list.style.transform = `translateY(${this.offset(first) - top + this.view.scrollTop}px)`;
    if (gap.length) this.missing(...gap);
  }

  measure() { // returns whether a row was higher than was thought; then what is in view stays where it is
    const anchor = this.at(this.top), beyond = this.top - this.offset(anchor);
    let changed = false;
    for (const [position, { element, line }] of this.shown) {
      const more = line ? element.offsetHeight - this.high : 0;
      const known = this.extra.get(position) ?? 0;
      if (Math.abs(more - known) < 0.5) continue;
      changed = true;
      this.extra.set(position, more);
      const block = Math.floor((position - 1) / BLOCK);
      this.blocks[block] = (this.blocks[block] ?? 0) + more - known;
    }
    const wide = this.list.classList.contains("nowrap") ? this.list.scrollWidth : 0;
    if (wide > this.widest) this.space.style.minWidth = `${this.widest = wide}px`;
    if (!wide) this.space.style.minWidth = "";
    if (changed && !this.pin) {
      this.space.style.height = `${Math.min(this.size, HIGHEST)}px`;
      this.top = this.offset(anchor) + beyond;
    }
    return changed;
  }
}

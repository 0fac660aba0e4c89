// What can be undone: a line of states with a place in it.

/** @template State */
export class History {
  /** @param {State} state @param {number} most how many states are kept */
  constructor(state, most = 200) {
    this.states = [{ state, reason: "" }];
    this.at = 0;
    this.most = most;
  }

  get state() {
    return this.states[this.at].state;
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.states.length - 1;
  }

  /** What undo would take back, in words. */
  get undoes() {
    return this.states[this.at].reason;
  }

  /** @param {State} state @param {string} reason */
  push(state, reason) {
    this.states.length = this.at + 1;
    this.states.push({ state, reason });
    if (this.states.length > this.most) this.states.shift();
    this.at = this.states.length - 1;
  }

  /** @returns {State} */
  undo() {
    if (this.canUndo) this.at--;
    return this.state;
  }

  /** @returns {State} */
  redo() {
    if (this.canRedo) this.at++;
    return this.state;
  }
}

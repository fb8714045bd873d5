// Calls of one message that wait for their responses, which need not name them.
// Must never look at a call twice for each response: whoever sends thousands of both must not hold up all others.

export interface OpenCall {
  readonly id: string;
  readonly name: string;
}

export interface OpenCalls {
  add(call: OpenCall): void;
  /** The call that a response answers: by id where one was sent, else the next of that name, else the next one. */
  take(id: string, name: string): OpenCall | undefined;
}

interface Waiting extends OpenCall {
  answered: boolean;
}

/** Calls in their order, with the answered ones at its beginning passed over for good. */
class Line {
  readonly #calls: Waiting[] = [];
  #at = 0;

  add(call: Waiting): void {
    this.#calls.push(call);
  }

  next(): Waiting | undefined {
    while (this.#calls[this.#at]?.answered === true) this.#at += 1;
    return this.#calls[this.#at];
  }
}

export function createOpenCalls(): OpenCalls {
  const all = new Line();
  const byId = new Map<string, Line>();
  const byName = new Map<string, Line>();
  return {
    add({ id, name }) {
      const call = { id, name, answered: false };
      all.add(call);
      lineOf(byId, id).add(call);
      lineOf(byName, name).add(call);
    },
    take(id, name) {
      const call = byId.get(id)?.next() ?? byName.get(name)?.next() ?? all.next();
      if (call !== undefined) call.answered = true;
      return call;
    },
  };
}

function lineOf(lines: Map<string, Line>, key: string): Line {
  const known = lines.get(key);
  if (known !== undefined) return known;
  const made = new Line();
  lines.set(key, made);
  return made;
}

// Values in the order they came, of which any can be taken out at once. A Map keeps that order too, but its first entry is found
// by going over the places of those that were deleted before it: in a full table each look at the oldest costs thousands of them.

export interface Link<Value> {
  readonly value: Value;
  /** Undefined at the end of the list, and once it is out of it. */
  next: Link<Value> | undefined;
  previous: Link<Value> | undefined;
}

export class AgeList<Value> {
  #first: Link<Value> | undefined;
  #last: Link<Value> | undefined;

  get oldest(): Value | undefined {
    return this.#first?.value;
  }

  /** What it returns takes the value out again, once. */
  add(value: Value): Link<Value> {
    const link: Link<Value> = { value, next: undefined, previous: this.#last };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    return link;
  }

  remove(link: Link<Value>): void {
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    link.next = undefined;
    link.previous = undefined;
  }

  /** The oldest first. */
  *[Symbol.iterator](): Iterator<Value> {
    for (let link = this.#first; link !== undefined; link = link.next) yield link.value;
  }
}

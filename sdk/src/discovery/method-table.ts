// Which methods the instances of one service have, so that a call asks for its own without asking every instance.

interface Owners {
  count: number;
  /** Of these, whose contract says that running it twice does no harm. */
  idempotent: number;
}

interface Methods {
  readonly methods: ReadonlySet<string>;
  readonly idempotentMethods: ReadonlySet<string>;
}

export class MethodTable {
  readonly #owners = new Map<string, Owners>();
  #announcing = 0;

  /** Whether any instance has said which methods it has. */
  get isKnown(): boolean {
    return this.#announcing > 0;
  }

  has(method: string): boolean {
    return this.#owners.has(method);
  }

  /** Whether every instance that has it says so: the next attempt may go to any of them. */
  isIdempotent(method: string): boolean {
    const owners = this.#owners.get(method);
    return owners !== undefined && owners.idempotent === owners.count;
  }

  add({ methods, idempotentMethods }: Methods): void {
    if (methods.size > 0) this.#announcing++;
    for (const method of methods) {
      const isIdempotent = Number(idempotentMethods.has(method));
      const owners = this.#owners.get(method);
      if (owners === undefined) this.#owners.set(method, { count: 1, idempotent: isIdempotent });
      else {
        owners.count++;
        owners.idempotent += isIdempotent;
      }
    }
  }

  remove({ methods, idempotentMethods }: Methods): void {
    if (methods.size > 0) this.#announcing--;
    for (const method of methods) {
      const owners = this.#owners.get(method);
      if (owners === undefined) continue;
      owners.count--;
      owners.idempotent -= Number(idempotentMethods.has(method));
      if (owners.count === 0) this.#owners.delete(method);
    }
  }
}

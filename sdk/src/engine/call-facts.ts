// What a decision is made of: the facts of one call, as the subject and the headers tell them.

export interface CallFacts {
  /** Who calls, as the broker has proven it. */
  readonly principal: string;
  readonly service: string;
  readonly method: string;
  /** Value of a header, its name in any case; undefined if the call does not carry it. Policies ask in lower case. */
  header(name: string): string | undefined;
}

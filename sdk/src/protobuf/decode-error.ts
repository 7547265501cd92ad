// The one error that bytes or JSON from outside can cause.

/** The input is not a message of this type. `path` names the field if one is to blame: `shop.ChargeRequest.items[2].cents`. */
export class DecodeError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = "DecodeError";
    this.path = path;
  }
}

// Quantities of Kubernetes, such as `250m`, `64Mi`, `1e3`.

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** In units: cores, bytes. Throws on what is no quantity. */
export function parseQuantity(text: string): number {
  const [, number, suffix] = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = FACTORS[suffix ?? ""];
  if (number === undefined || factor === undefined || Number.isNaN(Number(number)))
    throw new Error(`${text} is no quantity`);
  return Number(number) * factor;
}

/** As an environment variable has it: how often `divisor` fits, rounded up. */
export function divideQuantity(quantity: string, divisor = "1"): string {
  const by = parseQuantity(divisor);
  // `divisor: "0"` is how the API server writes that there is none.
  const exact = parseQuantity(quantity) / (by === 0 ? 1 : by);
  // 0.3 / 0.001 is 300.00000000000006 and means 300.
  return String(Math.ceil(Number(exact.toPrecision(15))));
}

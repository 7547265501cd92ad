// Colours, where somebody sees them: on a terminal, unless NO_COLOR says no (no-color.org) or the terminal is a dumb one.

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof CODES;

/** Paints text, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string;

export function painter(
  out: { readonly isTTY?: boolean | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const wanted = out.isTTY === true && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
  return wanted ? (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m` : (_colour, text) => text;
}

// Label selectors as kubectl has them: `a=b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`, joined by commas.

export type Labels = Readonly<Record<string, string>>;
/** Whether an object with these labels is selected. */
export type Selector = (labels: Labels | undefined) => boolean;

const KEY = "[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?";
const VALUE = "[A-Za-z0-9._-]*";
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const MEMBERSHIP = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/** An empty text selects everything. Throws an Error that names the part that is none. */
export function parseSelector(text: string): Selector {
  const parts = splitOutsideParentheses(text).map(parsePart);
  return (labels = {}) => parts.every((holds) => holds(labels));
}

function parsePart(text: string): (labels: Labels) => boolean {
  const equality = EQUALITY.exec(text);
  if (equality !== null) {
    const [, key = "", , operator, value = ""] = equality;
    return operator === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const membership = MEMBERSHIP.exec(text);
  if (membership !== null) {
    const [, key = "", , operator, list = ""] = membership;
    const values = new Set(list.split(",").map((value) => value.trim()));
    if (operator === "notin") return (labels) => labels[key] === undefined || !values.has(labels[key]);
    return (labels) => labels[key] !== undefined && values.has(labels[key]);
  }
  const presence = PRESENCE.exec(text);
  if (presence === null)
    throw new Error(`label selector: ${JSON.stringify(text)} is none; write for example malla.dev/mesh=true`);
  const [, negated, key = ""] = presence;
  return (labels) => (labels[key] === undefined) === (negated === "!");
}

function splitOutsideParentheses(text: string): readonly string[] {
  if (text.trim() === "") return [];
  return text.split(/,(?![^(]*\))/).map((part) => part.trim());
}

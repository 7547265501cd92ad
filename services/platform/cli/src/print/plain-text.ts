// Names and messages come from the mesh; a terminal must not obey them.

// An escape sequence goes as a whole, so that nothing of it is left to read: CSI up to its final byte, OSC up to its end.
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  /(?:\u001b\[|\u009b)[0-9;?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[@-_]/g;
// Control characters, and those that turn the direction of the text around them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The text without control characters and escape sequences: one line, whatever it was. */
export function plainText(text: string): string {
  return text.replace(SEQUENCES, "").replace(CONTROLS, "");
}

/** The same for text of several lines; tabs become blanks. */
export function plainLines(text: string): string {
  return text
    .split("\n")
    .map((line) => plainText(line.replaceAll("\t", "  ")))
    .join("\n");
}

/** JSON with its control characters above ASCII escaped too: the same value, and safe to look at. */
export function plainJson(text: string): string {
  return text.replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

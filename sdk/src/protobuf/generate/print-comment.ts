// Comments of the .proto file as doc comments.
import type protobuf from "protobufjs";

/** The comment of a declaration, its deprecation, and further notes; ends with a line break, or is empty. */
export function printComment(object: protobuf.ReflectionObject, indent: string, notes: readonly string[] = []): string {
  const deprecated = object.options?.deprecated === true ? ["@deprecated"] : [];
  return formatComment(object.comment ?? "", indent, [...notes, ...deprecated]);
}

/** `text` may have several lines. Nothing in it can end the comment. */
export function formatComment(text: string, indent: string, notes: readonly string[] = []): string {
  const lines = text.split("\n").map(harmless);
  while (lines.length > 0 && lines.at(-1) === "") lines.pop();
  while (lines.length > 0 && lines[0] === "") lines.shift();
  lines.push(...notes.map(harmless));
  if (lines.length === 0) return "";
  const [first = ""] = lines;
  if (lines.length === 1 && first.length + indent.length <= 112) return `${indent}/** ${first} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`;
}

function harmless(line: string): string {
  return line.trimEnd().replaceAll("*/", "*\u200b/");
}

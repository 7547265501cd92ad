// The reporter a run of node:test is given: everything it knows as lines of JSON on its stdout, which nothing else uses.
import { type NodeTestEvent, toTestEvent } from "./test-event.ts";

export async function* reporter(source: AsyncIterable<NodeTestEvent>): AsyncGenerator<string> {
  /** By file, the names of the tests that have started and not ended, outermost first. */
  const open = new Map<string, string[]>();
  for await (const event of source) {
    const { file = "", nesting = 0, name = "" } = event.data;
    const names = open.get(file) ?? [];
    if (event.type === "test:start") {
      names.length = nesting;
      names[nesting] = name;
      open.set(file, names);
      continue;
    }
    const line = toTestEvent(event, names.slice(0, nesting));
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}

// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter by its default export
export { reporter as default };

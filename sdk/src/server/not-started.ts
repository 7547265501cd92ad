// What an instance says when it does not take a call: nothing ran, and it may go elsewhere.
import { MeshError } from "../contract/index.ts";

export function notStarted(message: string): MeshError {
  return MeshError.of("not-started", message, { origin: "instance" });
}

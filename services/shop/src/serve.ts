// What every service of the shop does besides its own work: connect, end with its parent, say that it is there.
import { connect, type Mesh } from "@malla/sdk";

/** Connects with what the environment says. */
export async function join(): Promise<Mesh> {
  const mesh = await connect();
  endWithParent();
  return mesh;
}

/** Whoever started the shop holds our standard input; when that closes, this process ends as by SIGTERM. */
export function endWithParent(): void {
  if (process.env["MALLA_PARENT_STDIN"] !== "1") return;
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume();
}

// A process that owns nats-server and ends it when its standard input closes: the broker does not outlive whoever started it,
// however that ended. Prints one line of JSON when the server is ready, or why it is not.
import { startNatsServer } from "@malla/broker-config";

const [binary, configPath] = process.argv.slice(2) as [string, string];

try {
  const server = await startNatsServer({
    binary,
    configPath,
    portFlag: "--port",
    onExit: ({ expected, lastLines }) => {
      if (expected) return;
      process.stderr.write(`nats-server ended: ${lastLines.slice(-3).join(" | ")}\n`);
      process.exit(1);
    },
  });
  const stop = (): void => {
    void server.stop().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", () => undefined);
  process.stdin.on("end", stop).on("error", stop).resume();
  process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid, httpUrl: server.httpUrl })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`);
  process.exitCode = 1;
}

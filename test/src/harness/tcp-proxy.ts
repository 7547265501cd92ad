// A TCP proxy on loopback that can do what networks do: reset, go silent, refuse.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Link {
  readonly near: Socket;
  readonly far: Socket;
}

export class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #silent = false;
  #refusing = false;

  private constructor(target: number) {
    this.#server = createServer((near) => this.#accept(near, target));
  }

  /** Forwards a free port to `target` on loopback. */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Ends every connection by RST, both ways; new ones are taken at once. */
  reset(): void {
    for (const { near, far } of this.#links) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Nothing passes and nobody is told, as behind a cable that was pulled; new connections are taken and as silent. */
  goSilent(): void {
    this.#silent = true;
    for (const link of this.#links) this.#hold(link);
  }

  /** New connections are reset, and so are those there are. */
  refuse(): void {
    this.#refusing = true;
    this.reset();
  }

  /** What was held back passes, late, as TCP would bring it; new connections are taken again. */
  heal(): void {
    this.#silent = false;
    this.#refusing = false;
    for (const { near, far } of this.#links) {
      near.resume();
      far.resume();
    }
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket, target: number): void {
    if (this.#refusing) {
      near.resetAndDestroy();
      return;
    }
    const link = { near, far: connect(target, "127.0.0.1") };
    this.#links.add(link);
    this.#pass(near, link.far);
    this.#pass(link.far, near);
    const end = (): void => {
      this.#links.delete(link);
      near.destroy();
      link.far.destroy();
    };
    for (const socket of [near, link.far]) socket.setNoDelay(true).on("close", end).on("error", end);
    if (this.#silent) this.#hold(link);
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => {
        if (!this.#silent) from.resume();
      });
    });
  }

  #hold({ near, far }: Link): void {
    near.pause();
    far.pause();
  }
}

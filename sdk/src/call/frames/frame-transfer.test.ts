// A sender and a receiver on a link that loses, repeats and reorders: everything arrives once and in order, or the transfer is not
// over; and never is more under way than was granted.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CreditBudget } from "./credit-budget.ts";
import { MAX_FRAME_BYTES, MAX_WINDOW_FRAMES } from "./frame-bounds.ts";
import { FrameReceiver, type FrameSink } from "./frame-receiver.ts";
import { type Credit, FrameSender, type FrameSource } from "./frame-sender.ts";
import { PayloadAssembly, PayloadSource } from "./payload-frames.ts";

/** What the link does to one message, in the order it is sent. */
type Fate = "passes" | "is lost" | "comes twice" | "comes late";

interface Frame {
  readonly seq: number;
  readonly frame: Uint8Array;
  readonly last: boolean;
}

/** A link one way: what is sent waits here until it is let through. */
class Link<Message> {
  #queue: Message[] = [];
  readonly #fates: Fate[];

  constructor(fates: readonly Fate[]) {
    this.#fates = [...fates];
  }

  send(message: Message): void {
    const fate = this.#fates.shift() ?? "passes";
    if (fate === "is lost") return;
    if (fate === "comes late") this.#queue.splice(Math.max(0, this.#queue.length - 2), 0, message);
    else this.#queue.push(message);
    if (fate === "comes twice") this.#queue.push(message);
  }

  next(): Message | undefined {
    return this.#queue.shift();
  }
}

interface Run {
  readonly sender: FrameSender;
  readonly receiver: FrameReceiver;
  readonly budget: CreditBudget;
  /** Lets everything through. */
  settle(): void;
  /** Lets everything through, and time pass when nothing is under way, so often at most. */
  finish(idles: number): void;
}

function run(source: FrameSource, sink: FrameSink, frameFates: readonly Fate[], creditFates: readonly Fate[]): Run {
  const frames = new Link<Frame>(frameFates);
  const credits = new Link<Credit>(creditFates);
  const budget = new CreditBudget();
  let now = 0;
  const sender = new FrameSender(source, {
    send: (seq, frame, last) => {
      frames.send({ seq, frame, last });
      return true;
    },
  });
  const receiver = new FrameReceiver(sink, budget, { grant: (credit) => credits.send(credit) });
  const settle = (): void => {
    for (;;) {
      const credit = credits.next();
      if (credit !== undefined) assert.equal(sender.credit(credit, now), undefined);
      const frame = frames.next();
      if (frame !== undefined) {
        const arrival = receiver.frame(frame.seq, frame.frame, frame.last);
        assert.notEqual(typeof arrival, "object", JSON.stringify(arrival));
      }
      assert.ok(sender.underWay <= MAX_WINDOW_FRAMES, `${sender.underWay} under way`);
      assert.ok(receiver.outstanding <= MAX_WINDOW_FRAMES, `${receiver.outstanding} granted`);
      if (credit === undefined && frame === undefined) return;
    }
  };
  return {
    sender,
    receiver,
    budget,
    settle,
    finish: (idles) => {
      receiver.start();
      settle();
      for (let i = 0; i < idles && !receiver.hasEnded; i++) {
        now += 250;
        receiver.idle();
        settle();
      }
    },
  };
}

const fates = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Fate>("passes") },
    { weight: 2, arbitrary: fc.constant<Fate>("is lost") },
    { weight: 1, arbitrary: fc.constant<Fate>("comes twice") },
    { weight: 1, arbitrary: fc.constant<Fate>("comes late") },
  ),
  { maxLength: 200 },
);

function payloadOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
}

test("a payload arrives whole whatever the link does, and all credit comes back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MAX_FRAME_BYTES * 40 }), fates, fates, (size, frameFates, creditFates) => {
      const payload = payloadOf(size);
      const assembly = new PayloadAssembly(size);
      const transfer = run(new PayloadSource(payload), assembly, frameFates, creditFates);
      const before = transfer.budget.free;
      transfer.finish(frameFates.length + creditFates.length + 2);
      assert.ok(transfer.receiver.hasEnded, "it has not ended");
      assert.ok(payload.equals(assembly.payload));
      assert.equal(transfer.budget.free, before);
    }),
    { numRuns: 60 },
  );
});

test("frames of any size arrive once each and in order", () => {
  const chunks = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(chunks, fates, fates, (sizes, frameFates, creditFates) => {
      const cuts = [0];
      for (const size of sizes) cuts.push((cuts.at(-1) as number) + size);
      const payload = payloadOf(cuts.at(-1) as number);
      const source: FrameSource = {
        frame: (seq) => payload.subarray(cuts[seq], cuts[seq + 1]),
        isLast: (seq) => seq === sizes.length - 1,
      };
      const assembly = new PayloadAssembly(payload.length);
      const transfer = run(source, assembly, frameFates, creditFates);
      transfer.finish(frameFates.length + creditFates.length + sizes.length);
      assert.ok(transfer.receiver.hasEnded, "it has not ended");
      assert.ok(payload.equals(assembly.payload));
    }),
    { numRuns: 60 },
  );
});

test("a source that has not everything yet is sent as it grows", () => {
  const there: Uint8Array[] = [Buffer.from("a")];
  const source: FrameSource = { frame: (seq) => there[seq], isLast: (seq) => seq === 2 };
  const taken: string[] = [];
  const sink: FrameSink = {
    expected: 1_000,
    take: (frame) => {
      taken.push(Buffer.from(frame).toString());
      return undefined;
    },
  };
  const transfer = run(source, sink, [], []);
  transfer.finish(0);
  assert.deepEqual(taken, ["a"]);
  there.push(Buffer.from("b"), Buffer.from("c"));
  transfer.sender.sourceGrew();
  transfer.settle();
  assert.deepEqual(taken, ["a", "b", "c"]);
  assert.ok(transfer.sender.hasSentAll && transfer.sender.isDone && transfer.receiver.hasEnded);
});

describe("a sender", () => {
  const source = new PayloadSource(new Uint8Array(MAX_FRAME_BYTES * 100));
  const recorded = (): { sender: FrameSender; sent: number[] } => {
    const sent: number[] = [];
    const sender = new FrameSender(source, { send: (seq) => sent.push(seq) > 0 });
    return { sender, sent };
  };

  test("sends nothing without credit, and a window at most whatever it is granted", () => {
    const { sender, sent } = recorded();
    assert.deepEqual(sent, []);
    sender.credit({ next: 0, until: 2, again: false }, 0);
    assert.deepEqual(sent, [0, 1]);
    sender.credit({ next: 0, until: 1_000_000, again: false }, 0);
    assert.equal(sent.length, MAX_WINDOW_FRAMES);
  });

  test("refuses credits for what it has not sent, and passes over old ones", () => {
    const { sender, sent } = recorded();
    sender.credit({ next: 0, until: 4, again: false }, 0);
    assert.match(sender.credit({ next: 5, until: 9, again: false }, 0) ?? "", /not sent/);
    assert.match(sender.credit({ next: 2, until: 1, again: false }, 0) ?? "", /takes back/);
    assert.equal(sender.credit({ next: 3, until: 4, again: false }, 0), undefined);
    assert.equal(sender.credit({ next: 1, until: 9, again: true }, 0), undefined);
    assert.deepEqual(sent, [0, 1, 2, 3]);
  });

  test("repeats itself once for one gap, and again only after a while", () => {
    const { sender, sent } = recorded();
    sender.credit({ next: 0, until: 2, again: false }, 0);
    sender.credit({ next: 0, until: 2, again: true }, 10);
    assert.deepEqual(sent, [0, 1, 0, 1]);
    for (let i = 0; i < 100; i++) sender.credit({ next: 0, until: 2, again: true }, 20);
    assert.equal(sent.length, 4);
    sender.credit({ next: 0, until: 2, again: true }, 200);
    assert.equal(sent.length, 6);
  });

  test("stops where nothing can be sent, and goes on when it is asked", () => {
    let connected = false;
    const sent: number[] = [];
    const sender = new FrameSender(source, {
      send: (seq) => {
        if (connected) sent.push(seq);
        return connected;
      },
    });
    sender.credit({ next: 0, until: 2, again: false }, 0);
    assert.deepEqual(sent, []);
    connected = true;
    sender.credit({ next: 0, until: 1, again: true }, 250);
    assert.deepEqual(sent, [0]);
  });
});

describe("a receiver", () => {
  const make = (sizeInFrames = 100, budget = new CreditBudget()) => {
    const grants: Credit[] = [];
    const assembly = new PayloadAssembly(MAX_FRAME_BYTES * sizeInFrames);
    const receiver = new FrameReceiver(assembly, budget, { grant: (credit) => grants.push(credit) });
    receiver.start();
    return { receiver, grants, budget };
  };
  const FULL = new Uint8Array(MAX_FRAME_BYTES);

  test("grants no more than a window, nor more than may still come", () => {
    assert.deepEqual(make().grants, [{ next: 0, until: MAX_WINDOW_FRAMES, again: false }]);
    assert.deepEqual(make(3).grants, [{ next: 0, until: 3, again: false }]);
  });

  test("what was never granted is beyond, what has come is repeated", () => {
    const { receiver } = make();
    assert.equal(receiver.frame(MAX_WINDOW_FRAMES, FULL, false), "beyond");
    assert.equal(receiver.frame(0, FULL, false), "taken");
    assert.equal(receiver.frame(0, FULL, false), "repeated");
    receiver.close();
    assert.equal(receiver.frame(1, FULL, false), "beyond");
  });

  test("a gap is asked for once", () => {
    const { receiver, grants } = make();
    assert.equal(receiver.frame(2, FULL, false), "early");
    assert.equal(receiver.frame(3, FULL, false), "early");
    assert.deepEqual(grants.slice(1), [{ next: 0, until: MAX_WINDOW_FRAMES, again: true }]);
  });

  test("idle, it gives back what it was granted, asks for one frame, and takes what was under way all the same", () => {
    const { receiver, grants, budget } = make();
    const free = budget.free;
    receiver.idle();
    assert.equal(budget.free, free + MAX_WINDOW_FRAMES - 1);
    assert.deepEqual(grants.at(-1), { next: 0, until: 1, again: true });
    for (let seq = 0; seq < 8; seq++) assert.equal(receiver.frame(seq, FULL, false), "taken");
    assert.equal(receiver.outstanding <= MAX_WINDOW_FRAMES, true);
  });

  test("a frame that does not fit what was announced ends it", () => {
    for (const [size, last] of [
      [MAX_FRAME_BYTES + 1, false],
      [0, false],
      [10, true],
    ] as const) {
      const { receiver, budget } = make();
      const arrival = receiver.frame(0, new Uint8Array(size), last);
      assert.equal(typeof arrival, "object", `${size} ${last}`);
      assert.ok(receiver.hasEnded);
      assert.equal(budget.free, new CreditBudget().free);
    }
    const { receiver } = make(1);
    assert.equal(typeof receiver.frame(0, FULL, false), "object", "all bytes and not the last");
  });

  test("asked again after the end, it says so again", () => {
    const { receiver, grants } = make(1);
    receiver.repeatEnd();
    assert.equal(grants.length, 1);
    receiver.frame(0, FULL, true);
    receiver.repeatEnd();
    assert.deepEqual(grants.slice(1), [
      { next: 1, until: 1, again: false },
      { next: 1, until: 1, again: false },
    ]);
  });
});

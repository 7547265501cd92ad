// Every attack of the security model, and the test of the whole system that shows it refused. SECURITY.md is tested equal to it.

/** Where a test stands: its file from the root of the checkout, and its title. */
export interface TestPlace {
  readonly file: string;
  readonly title: string;
}

export interface Attack {
  /** Its number in the security model; those that are only suspected have a letter. */
  readonly id: string;
  readonly attack: string;
  /** What cannot be tried before something else exists; empty if nothing. */
  readonly waitsFor: string;
  readonly tests: readonly [TestPlace, ...TestPlace[]];
}

const HERE = "test/src/security";
const callers = (title: string): TestPlace => ({ file: `${HERE}/callers.test.ts`, title });
const callees = (title: string): TestPlace => ({ file: `${HERE}/callees.test.ts`, title });
const broker = (title: string): TestPlace => ({ file: `${HERE}/broker-side.test.ts`, title });
const floods = (title: string): TestPlace => ({ file: `${HERE}/floods.test.ts`, title });
const frames = (title: string): TestPlace => ({ file: `${HERE}/frames.test.ts`, title });
const pushes = (title: string): TestPlace => ({ file: `${HERE}/policy-pushes.test.ts`, title });
const direct = (title: string): TestPlace => ({ file: `${HERE}/direct.test.ts`, title });
const canary = (title: string): TestPlace => ({ file: `${HERE}/canary.test.ts`, title });
const terminal = (title: string): TestPlace => ({ file: `${HERE}/terminal.test.ts`, title });
const grants = (title: string): TestPlace => ({ file: "test/src/integration/grants-matrix.test.ts", title });

export const NUMBERED_ATTACKS = 16;
export const SUSPECTED_ATTACKS = "abcdefghijklm";

export const ATTACKS: readonly Attack[] = [
  {
    id: "1",
    attack: "a message to oneself whose reply is another's subject, for the right to publish there",
    waitsFor: "",
    tests: [
      grants("a reply subject of one's own does not become a permission to publish"),
      broker(
        "a role's key is for ordinary connections, or for leaf nodes and nothing else, has no permission to respond, and no list of it is empty",
      ),
    ],
  },
  {
    id: "2",
    attack: "acknowledgements, gets and deliveries of JetStream aimed at instances, announcements, policy",
    waitsFor: "",
    tests: [
      broker("no role has JetStream where calls travel, not even those that have it elsewhere"),
      broker("an acknowledgement of JetStream aimed at an instance stays in the account that has JetStream"),
    ],
  },
  {
    id: "3",
    attack: "a read of the policy whose answer is aimed at the policy's own key",
    waitsFor: "",
    tests: [
      broker("whoever may read the policy can spoil its head; nobody follows it, and the next apply writes over it"),
      grants("accounts do not hear each other"),
    ],
  },
  {
    id: "4",
    attack: "a question of `nats micro` whose answer would be a call in the answerer's name",
    waitsFor: "",
    tests: [
      broker(
        "a question of `nats micro` whose answer would be a call is answered by no SDK, and a plain service may not call",
      ),
    ],
  },
  {
    id: "5",
    attack: "a wide subscription that shows other people's reply subjects",
    waitsFor: "",
    tests: [broker("nobody listens where others' reply subjects can be read")],
  },
  {
    id: "6",
    attack: "credentials named `*`, `a.b`, or like a role or router",
    waitsFor: "",
    tests: [
      broker("no credentials can be had in a name that is a wildcard, a path, a role, a router or the mesh itself"),
    ],
  },
  {
    id: "7",
    attack: "`Nats-Trace-Dest`, passed on by a relay",
    waitsFor: "",
    tests: [
      callers("a trace of the broker goes no further than the caller's own hop, and aimed at another it is refused"),
      callees("headers of a success reach the caller without those of the mesh and the broker"),
    ],
  },
  {
    id: "8",
    attack: "a hostile header block of a caller: duplicate names, lone line feeds, no terminator, a status line",
    waitsFor: "",
    tests: [
      callers("a hostile header block is refused as bad-request and nothing runs"),
      callers("headers that are the mesh's or the broker's reach no handler, and the caller stays who he is"),
    ],
  },
  {
    id: "9",
    attack: "a callee's own `NATS/1.0 503`, forged origin or reason, so that a call that ran is made again",
    waitsFor: "",
    tests: [
      callees("an instance's own words about a call that ran never repeat it"),
      callees("cannot speak as a router, and what it says never repeats a call"),
      callees("passes on the 503 of a call of its own, and runs once"),
      callees("a nack of one's own goes elsewhere, is bounded, and stays the instance's word"),
    ],
  },
  {
    id: "10",
    attack: "another's message id or idempotency key, to swallow his message",
    waitsFor: "durable calls: the stream, its message ids, and acknowledgements of its dispatchers",
    tests: [callers("an idempotency key and a message id are a principal's own: another's swallow nothing")],
  },
  {
    id: "11",
    attack: "a client that does not read",
    waitsFor: "",
    tests: [floods("a client that does not read is cut off, and nobody waits for it")],
  },
  {
    id: "12",
    attack: "floods of frames or inbox messages without a handshake",
    waitsFor: "",
    tests: [
      floods("a flood into a caller's inbox without a call reaches no SDK"),
      floods("frames for nobody's stream reach nobody, and a stream's subject takes its sender's name alone"),
      frames(
        "frames under another's name are the broker's to refuse, those without a handshake are dropped and counted",
      ),
      frames("frames beyond the credit, of nonsense and after the end are dropped and counted, and end nobody's call"),
      frames("a flood into a stream that is open takes nothing but time from others"),
      frames("an instance whose credits and offers point at others makes its caller publish nothing there"),
      frames("a caller who is denied opens no stream"),
    ],
  },
  {
    id: "13",
    attack: "one guest with hundreds of connections",
    waitsFor: "",
    tests: [floods("a guest with hundreds of connections takes nobody's place")],
  },
  {
    id: "14",
    attack: "empty lists, queues in grants, leaf links, users with grants of their own",
    waitsFor: "",
    tests: [
      broker(
        "a role's key is for ordinary connections, or for leaf nodes and nothing else, has no permission to respond, and no list of it is empty",
      ),
      broker("open no connection: an account's identity signs nobody, and no user brings grants of its own"),
    ],
  },
  {
    id: "15",
    attack: "wildcards and extra tokens in a call's subject, and any reply subject",
    waitsFor: "",
    tests: [
      callers(
        "a subject with a wildcard, a wrong name or too many tokens is refused, and no grant is longer than it looks",
      ),
      callers("that is not the caller's own is dropped: nobody is made to publish for him"),
      callers("is not answered to by a refusal either, whatever the refusal"),
    ],
  },
  {
    id: "16",
    attack: "another subscriber of the same service takes its calls",
    waitsFor: "credentials of one instance each",
    tests: [
      broker("instances of one service trust each other, and only those of one service"),
      broker("nobody announces, answers or listens in another's name"),
    ],
  },
  {
    id: "a",
    attack: "a direct call past limits, end-user checks or a policy that has not arrived",
    waitsFor: "limits, end users",
    tests: [
      broker("a direct call needs a tag for its target, each of them"),
      direct("a direct call that access does not allow is denied by the instance, answered, counted and told once"),
      direct("an instance that does not know which policy is in force runs no direct call"),
      direct("a service that takes no direct calls by its policy says so and runs none"),
    ],
  },
  {
    id: "b",
    attack: "a direct reply into another's inbox, or of another service",
    waitsFor: "",
    tests: [
      direct("a direct call whose answer would go to another, or in another service's name, is dropped unanswered"),
      direct("a reply to a direct call counts only from the service that was called"),
      direct("who floods a direct caller's inbox that no call needs reaches nobody"),
      floods("a flood into a caller's inbox without a call reaches no SDK"),
      broker("nobody announces, answers or listens in another's name"),
    ],
  },
  {
    id: "c",
    attack: "a reply to another service's attempt, by its id or by its request id",
    waitsFor: "",
    tests: [
      callees("a reply matches on service and attempt: neither another service nor the request id answers for one"),
      callees("a reply that came after its time, or to nobody, is nobody's fault and costs nothing"),
    ],
  },
  {
    id: "d",
    attack: "an idempotency record of another principal, method or user",
    waitsFor: "end users: the record is keyed by them too",
    tests: [callers("an idempotency key and a message id are a principal's own: another's swallow nothing")],
  },
  {
    id: "e",
    attack: "endpoint subjects in `$SRV.INFO` as targets to publish to",
    waitsFor: "",
    tests: [callees("is not believed about endpoints that are another's: the mesh publishes to none of them")],
  },
  {
    id: "f",
    attack: "a callee that replays the end user's `Authorization`",
    waitsFor: "end users: what is passed on is their claims",
    tests: [callees("the end user's token goes to nobody")],
  },
  {
    id: "g",
    attack: "one principal that takes all of a router",
    waitsFor: "caps on priority and on parked calls, limits keyed by a header",
    tests: [
      callers("a caller who holds all the calls a router grants one principal is refused more, and nobody else is"),
    ],
  },
  {
    id: "h",
    attack: "announcement floods, and answers to a broadcast that invent services",
    waitsFor: "",
    tests: [
      floods("100,000 instances of one service are remembered up to the bound, and their service alone is the poorer"),
      floods("broken announcements and announcements that never rest cost others nothing but time"),
      floods("invented services in answers to a broadcast hide no plain service"),
    ],
  },
  {
    id: "i",
    attack: "a function that looks into the process it shares",
    waitsFor: "functions",
    tests: [broker("whoever runs functions reads their bundles, writes none, and is not where calls travel")],
  },
  {
    id: "j",
    attack: "terminal escapes in names, versions, tags, errors and replies shown by the command line",
    waitsFor: "",
    tests: [
      terminal("`malla services` lists a hostile service in plain text, in every format"),
      terminal("`malla call` prints a hostile error and a hostile reply in plain text"),
      terminal("`malla check` and `malla describe` speak of a hostile service in plain text"),
    ],
  },
  {
    id: "k",
    attack: "a cancel or a probe of another's call",
    waitsFor: "",
    tests: [
      callers("a call of another is neither cancelled nor told of, and a probe with nonsense is refused"),
      direct("a direct caller cancels and probes his own calls alone, and forgets his own burned ids"),
    ],
  },
  {
    id: "l",
    attack: "a policy that is old, of another key, or not what was signed",
    waitsFor: "",
    tests: [
      pushes(
        "an older revision, another's signature and other documents are refused by an SDK, each counted and told once",
      ),
      {
        file: "test/src/integration/policy.test.ts",
        title: "an old head that is put back is refused: what was in force stays",
      },
      {
        file: "test/src/integration/policy.test.ts",
        title: "a head signed by another key is ignored by every router, and the next true one is taken",
      },
    ],
  },
  {
    id: "m",
    attack: "a secret in a call that fails, to be read in what is written about it",
    waitsFor: "taps",
    tests: [canary("the secret is in no error, log line, metric, span or answer of `nats micro`")],
  },
];

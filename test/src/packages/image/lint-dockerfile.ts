// What may stand in a Dockerfile of ours: the rules of the field's linters that matter for it, and our own.
import type { Instruction, Stage } from "./read-dockerfile.ts";

const SECRET = /pass(word|phrase)?|secret|token|seed|api_?key|private_?key|credential/i;

/** The empty image, which has no tags. */
const NOTHING = "scratch";

/** `line N: what is wrong`, in the order of the rules. */
export function lintDockerfile(stages: readonly Stage[]): readonly string[] {
  const last = stages.at(-1);
  if (last === undefined) return ["there is no stage"];
  return [...stages.flatMap((stage, index) => lintStage(stage, stages.slice(0, index))), ...lintFinal(last)];
}

function lintStage(stage: Stage, earlier: readonly Stage[]): string[] {
  const known = new Set(earlier.map(({ name }) => name));
  return [
    ...lintImage(stage, known),
    ...stage.instructions.flatMap((instruction) =>
      [...lintInstruction(instruction), ...lintCopy(instruction, known)].map(
        (what) => `line ${instruction.line}: ${what}`,
      ),
    ),
  ];
}

function lintImage({ image, line }: Stage, known: ReadonlySet<string>): string[] {
  if (known.has(image) || image === NOTHING) return [];
  const tag = /:([^/@]+)(?:@|$)/.exec(image)?.[1];
  if (image.includes("$")) return [`line ${line}: the image of a stage is written out`];
  if (tag === undefined && !image.includes("@sha256:")) return [`line ${line}: ${image} has no tag`];
  return tag === "latest" ? [`line ${line}: ${image} is another image tomorrow`] : [];
}

function lintInstruction({ keyword, text }: Instruction): string[] {
  switch (keyword) {
    case "ADD":
      return ["COPY copies; ADD also unpacks and fetches"];
    case "MAINTAINER":
      return ["MAINTAINER is a label now"];
    case "HEALTHCHECK":
      return ["Kubernetes probes; a health check here would need a program in the image"];
    case "ARG":
    case "ENV":
      return SECRET.test(text) ? [`${keyword} ends in the image's history, and looks like a secret`] : [];
    case "WORKDIR":
      return text.startsWith("/") ? [] : ["a relative WORKDIR depends on those before it"];
    case "ENTRYPOINT":
    case "CMD":
      return isExecForm(text) ? [] : [`${keyword} as text needs a shell, which would not pass on signals`];
    case "RUN":
      return lintRun(text);
    default:
      return [];
  }
}

function lintRun(text: string): string[] {
  const problems: string[] = [];
  if (/\bsudo\b/.test(text)) problems.push("sudo in a build is for nothing");
  if (/\b(curl|wget)\b[^|]*\|\s*(ba)?sh\b/.test(text)) problems.push("what is fetched is run unseen");
  if (/^cd\s/.test(text)) problems.push("WORKDIR says where");
  if (/\bapt(-get)?\s+(-\S+\s+)*install\b/.test(text)) {
    if (!text.includes("--no-install-recommends")) problems.push("apt-get install without --no-install-recommends");
    if (!text.includes("rm -rf /var/lib/apt/lists")) problems.push("apt-get install leaves its lists behind");
  }
  return problems;
}

function lintCopy({ keyword, flags, text }: Instruction, known: ReadonlySet<string>): string[] {
  if (keyword !== "COPY") return [];
  const { from } = flags;
  if (from !== undefined && !known.has(from)) return [`COPY --from=${from}: there is no such stage before this one`];
  return text.split(/\s+/).length > 2 && !text.endsWith("/")
    ? ["several files go into a folder, written with a / at its end"]
    : [];
}

function lintFinal({ instructions, line }: Stage): string[] {
  const all = (keyword: string): readonly Instruction[] =>
    instructions.filter((instruction) => instruction.keyword === keyword);
  const problems: string[] = [];
  const user = all("USER").at(-1)?.text;
  if (user === undefined || !/^[1-9]\d*(:[1-9]\d*)?$/.test(user))
    problems.push(`line ${line}: the last USER is ${user ?? "missing"}; a number that is not root's is expected`);
  if (all("ENTRYPOINT").length !== 1) problems.push(`line ${line}: one ENTRYPOINT is expected`);
  if (all("RUN").length > 0)
    problems.push(`line ${all("RUN")[0]?.line}: there is no shell in the last stage to run it`);
  return problems;
}

function isExecForm(text: string): boolean {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string");
  } catch {
    return false;
  }
}

// Where this mesh keeps its keys, credentials and run file: `.malla`, found upwards like `.git`, or MALLA_HOME.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Failure } from "./failure.ts";

const FOLDER = ".malla";
type Environment = Readonly<Record<string, string | undefined>>;

/** The home that is there, or where one would be made: in the working folder. */
export function findHome(cwd: string, environment: Environment): string {
  const given = environment["MALLA_HOME"];
  if (given !== undefined && given !== "") return resolve(cwd, given);
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, FOLDER))) return join(folder, FOLDER);
    if (dirname(folder) === folder) return join(cwd, FOLDER);
  }
}

/** The home, which must be there. */
export function requireHome(): string {
  const home = findHome(process.cwd(), process.env);
  if (!existsSync(home))
    throw new Failure(
      "there is no mesh here: no .malla folder from this one upwards. `malla up` makes one; MALLA_HOME names another.",
    );
  return home;
}

import semver from "semver";
import { z } from "zod";

/** A range of versions in npm's syntax: `1.x`, `^2.1.0`, `>=1.4 <2 || 3.0.0-beta.1`. */
export function versionRange() {
  return z
    .string()
    .min(1)
    .max(256)
    .refine((range) => semver.validRange(range) !== null, {
      error: "must be a version range in npm's syntax",
      params: { hint: "for example 1.x, ^2.1.0 or >=1.4 <2" },
    });
}

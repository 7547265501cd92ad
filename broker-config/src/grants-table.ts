// The grants as the README shows them.
import { GRANTS, type Grant } from "./grants.ts";

/** A Markdown table of all rows; `N` stands for the name in the credentials, `T` for each direct target, `E` for each service at an edge. */
export function formatGrants(grants: readonly Grant[] = GRANTS): string {
  const rows = grants.map(
    (grant) => `| ${grant.role} | ${grant.account} | ${cell(grant.publish)} | ${cell(grant.subscribe)} |`,
  );
  return ["| role | account | publish | subscribe |", "|---|---|---|---|", ...rows].join("\n");
}

function cell(entries: readonly string[]): string {
  return entries
    .map(
      (entry) =>
        `\`${entry.replaceAll("{{name()}}", "N").replaceAll("{{tag(direct)}}", "T").replaceAll("{{tag(edge)}}", "E")}\``,
    )
    .join(", ");
}

// Every public name of the package.
export * from "./names.ts";

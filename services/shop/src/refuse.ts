// How a service of the shop says no: an application's own status, which the mesh passes through untouched.
import { MeshError, type Status } from "@malla/sdk";

/** An error to throw: `NOT_FOUND`, `FAILED_PRECONDITION`, `INVALID_ARGUMENT`. */
export function refusal(status: Status, message: string): MeshError {
  return new MeshError({ status, message });
}

/** A text that must be there; the refusal names the field. */
export function requireText(value: unknown, field: string): string {
  if (typeof value === "string" && value.length > 0 && value.length <= 64) return value;
  throw refusal("INVALID_ARGUMENT", `${field}: a text of 1 to 64 characters is expected`);
}

/** A whole number within bounds; the refusal names the field. */
export function requireNumber(value: unknown, field: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw refusal("INVALID_ARGUMENT", `${field}: a whole number from ${min} to ${max} is expected`);
}

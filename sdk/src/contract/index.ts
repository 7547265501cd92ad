// Everything that stands on the wire: subjects, headers, reasons, control messages, credentials.
export * from "./announcement-bounds.ts";
export * from "./announcement-parts.ts";
export * from "./control-messages.ts";
export * from "./credentials.ts";
export * from "./deadline.ts";
export * from "./documents.ts";
export * from "./encode-header-block.ts";
export * from "./header-block.ts";
export * from "./header-names.ts";
export * from "./mesh-error.ts";
export * from "./names.ts";
export * from "./reasons.ts";
export * from "./secret.ts";
export * from "./status.ts";
export * from "./subjects.ts";

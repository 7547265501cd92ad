// How large things may become that travel in frames. router/docs/limits.md is tested equal to it.

/** A payload of more bytes than this travels in frames, in bytes; what is not more is carried by the router. */
export const MAX_WHOLE_BYTES = 32 * 1024;
/** A frame, in bytes. By measurement 8 to 24 KiB are equally fast, 4 and 64 KiB far slower. */
export const MAX_FRAME_BYTES = 16 * 1024;
/** What one stream may have under way, in frames: 256 KiB. */
export const MAX_WINDOW_FRAMES = 16;
/** What all streams of a connection may have under way to it, in bytes: half of what the broker holds for a client. */
export const MAX_CREDITED_BYTES = 4 * 1024 * 1024;
/** One payload in frames, in bytes. */
export const MAX_FRAMED_BYTES = 64 * 1024 * 1024;
/** What a process holds of payloads in frames at a time, in bytes: those it puts together, and replies not yet taken. */
export const MAX_ASSEMBLED_BYTES = 256 * 1024 * 1024;
/** Of these, what one peer may have. */
export const MAX_ASSEMBLED_BYTES_PER_PEER = 160 * 1024 * 1024;

/** What has been silent for so long is asked for again, in ms. */
export const FRAMES_IDLE_MS = 250;
/** After the broker's 503 the same is said again after this, in ms: a subscription may not be known everywhere yet. */
export const UNHEARD_RETRY_MS = 50;
/** A peer that nobody hears for so long is gone, in ms. */
export const UNHEARD_GONE_MS = 3_000;
/** A peer that is there and lets nothing come for so long is given up, in ms. */
export const MAX_SILENT_MS = 10_000;

// How far a message from outside may go before it is refused.

/** Messages within messages, as every protobuf implementation limits it by default. */
export const MAX_DEPTH = 100;
/**
 * Messages and map entries in one input. An empty message is two bytes on the wire and a hundred times that in memory,
 * so the size of the input alone does not bound what it costs.
 */
export const MAX_DECODED_MESSAGES = 500_000;

/** Something that cannot be had on this machine; who needs it is skipped with this message. */
export class NotHere extends Error {}

// Takes one file out of a tar archive: enough of the format for released archives, and no file system in between.
const BLOCK_BYTES = 512;

/** The content of the first regular file with this base name, or undefined. Throws for a damaged archive. */
export function untarFile(archive: Uint8Array, name: string): Uint8Array | undefined {
  for (let offset = 0; offset + BLOCK_BYTES <= archive.length; ) {
    const block = archive.subarray(offset, offset + BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) return undefined;
    const size = Number.parseInt(text(block, 124, 12), 8);
    if (!Number.isInteger(size) || size < 0) throw new Error("this is no tar archive");
    const start = offset + BLOCK_BYTES;
    if (start + size > archive.length) throw new Error("the tar archive is cut off");
    const type = text(block, 156, 1);
    const isFile = type === "0" || type === "";
    if (isFile && text(block, 0, 100).split("/").at(-1) === name) return archive.subarray(start, start + size);
    offset = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return undefined;
}

function text(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder("latin1").decode(end === -1 ? field : field.subarray(0, end)).trim();
}

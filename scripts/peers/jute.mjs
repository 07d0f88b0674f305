// As much of ZooKeeper's encoding (jute) as its sessions, writes and reads need: big-endian numbers, bytes with their length before them.

export function int(value) {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value);
  return out;
}

export function bytes(value) {
  return Buffer.concat([int(value.length), value]);
}

export function text(value) {
  return bytes(Buffer.from(value));
}

/** A frame: its length, then the parts. */
export function frame(...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([int(body.length), body]);
}

/** Cuts what comes from a socket into frames; `push` gives the bodies that are whole now. */
export class FrameReader {
  #rest = Buffer.alloc(0);

  push(chunk) {
    let buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const bodies = [];
    while (buffer.length >= 4) {
      const length = buffer.readInt32BE(0);
      if (buffer.length < 4 + length) break;
      bodies.push(buffer.subarray(4, 4 + length));
      buffer = buffer.subarray(4 + length);
    }
    this.#rest = buffer;
    return bodies;
  }
}

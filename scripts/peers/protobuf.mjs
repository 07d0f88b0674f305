// As much of the protocol buffers encoding as calls to etcd need: fields of bytes, and whole numbers in answers.

/** A field of bytes or of a nested message. */
export function bytesField(number, bytes) {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** A field of a whole number up to 2^64 - 1, given as a `bigint`. */
export function numberField(number, value) {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function varint(value) {
  const out = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) {
      out.push(Number(rest));
      return Buffer.from(out);
    }
    out.push(Number(rest & 127n) | 128);
  }
}

/** Fields of a message by number: `bigint` for numbers, `Buffer` for bytes; of a repeated field the last one. */
export function readFields(message) {
  const fields = new Map();
  let at = 0;
  const readVarint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error('a number in an answer is too long');
  };
  while (at < message.length) {
    const tag = Number(readVarint());
    const [number, kind] = [tag >>> 3, tag & 7];
    if (kind === 0) fields.set(number, readVarint());
    else if (kind === 2) {
      const length = Number(readVarint());
      fields.set(number, message.subarray(at, at + length));
      at += length;
    } else throw new Error(`an answer has a field of kind ${kind}`);
  }
  return fields;
}

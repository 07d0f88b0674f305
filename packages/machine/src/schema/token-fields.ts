import type { ByteReader, ByteWriter, GroupId } from '@quorate/base';
import type { Fence, Token } from '../resource-machine.js';
import { type Field, kindOf, refused } from './field.js';
import { u32, u53 } from './scalar-fields.js';

const EPOCH = u32();
const INDEX = u53();

/** A fencing token: u32 epoch, u64 index. */
export function token(): Field<Token> {
  return { description: { kind: 'token' }, write: writeToken, read: readToken };
}

/** A fence on a write: u32 group, u64 resource, then the token. */
export function fence(): Field<Fence> {
  return {
    description: { kind: 'fence' },
    write: (writer, value, path) => {
      if (typeof value !== 'object' || value === null) throw refused(path, `must be a fence, not ${kindOf(value)}`);
      EPOCH.write(writer, value.group, `${path}.group`);
      INDEX.write(writer, value.resource, `${path}.resource`);
      writeToken(writer, value.token, `${path}.token`);
    },
    read: (reader) => {
      const group = reader.u32() as GroupId;
      const resource = reader.u64();
      return { group, resource, token: readToken(reader) };
    },
  };
}

function writeToken(writer: ByteWriter, value: Token, path: string): void {
  if (typeof value !== 'object' || value === null) throw refused(path, `must be a token, not ${kindOf(value)}`);
  EPOCH.write(writer, value.epoch, `${path}.epoch`);
  INDEX.write(writer, value.index, `${path}.index`);
}

function readToken(reader: ByteReader): Token {
  const epoch = reader.u32();
  return { epoch, index: reader.u64() };
}

/** Negative if `a` is older than `b`, 0 if they are the same, positive if it is newer. */
export function compareTokens(a: Token, b: Token): number {
  return a.epoch - b.epoch || a.index - b.index;
}

import { ByteWriter } from '@quorate/base';
import { type ArgumentFields, type ArgumentsOf, writeFields } from '@quorate/machine';

/** Bytes of commands that share one allocation. A command that is kept keeps as many. */
const PIECE_BYTES = 65_536;

/** Encodes the arguments of many calls of one client, which live about as long as each other. */
export class ArgumentEncoder {
  #writer: ByteWriter | null = new ByteWriter(PIECE_BYTES);

  /** The bytes of named values, like `encodeFields`. Throws `invalidArgument`. */
  encode<A extends ArgumentFields>(fields: A, values: ArgumentsOf<A>, path: string): Uint8Array {
    // A getter of the values may call this again: that one gets a writer of its own.
    const writer = this.#writer ?? new ByteWriter(64);
    this.#writer = null;
    try {
      writeFields(writer, fields, values, path);
      return writer.cut();
    } finally {
      writer.clear();
      this.#writer = writer;
    }
  }
}

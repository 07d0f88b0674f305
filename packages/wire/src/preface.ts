import { QuorateError, utf8 } from '@quorate/base';

/*
 * The first 8 bytes of each direction of a connection: "QUORATE" and the protocol version as one byte. They carry no secret and protect
 * nothing; they exist so that a connection of another protocol, or of a version that is not spoken here, is told apart by its first bytes.
 */

/** The version spoken by this build. Raised whenever an older build could misread what a newer one sends. */
export const PROTOCOL_VERSION = 1;
/** Length of the preface: seven letters and the version. */
export const PREFACE_BYTES = 8;

const MAGIC = utf8('QUORATE');

/** The preface of a version, by default of the one that is spoken here. */
export function encodePreface(version: number = PROTOCOL_VERSION): Uint8Array {
  const preface = new Uint8Array(PREFACE_BYTES);
  preface.set(MAGIC);
  preface[MAGIC.length] = version;
  return preface;
}

/** How many bytes of a foreign protocol are looked at to name it. */
const SAMPLE_BYTES = 16;

/** Collects the preface from the first reads of a connection. */
export class PrefaceReader {
  readonly #seen = new Uint8Array(PREFACE_BYTES);
  #length = 0;

  /**
   * Takes what it needs from the start of `bytes`; returns how many, and `isComplete` afterwards. Throws at the first byte that is wrong:
   * `protocolMismatch` with what the other side seems to speak, or `versionUnsupported` with both versions.
   */
  take(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, PREFACE_BYTES - this.#length);
    for (let i = 0; i < count; i++) {
      const at = this.#length + i;
      const byte = bytes[i] as number;
      this.#seen[at] = byte;
      if (at < MAGIC.length ? byte !== MAGIC[at] : byte !== PROTOCOL_VERSION) throw this.#fault(at, bytes.subarray(i + 1));
    }
    this.#length += count;
    return count;
  }

  get isComplete(): boolean {
    return this.#length === PREFACE_BYTES;
  }

  #fault(at: number, rest: Uint8Array): QuorateError {
    if (at === MAGIC.length) {
      const version = this.#seen[at] as number;
      return new QuorateError(
        'versionUnsupported',
        `the other side speaks version ${version} of the protocol, this one version ${PROTOCOL_VERSION}`,
        {
          version,
          supported: PROTOCOL_VERSION,
        },
      );
    }
    const sample = [...this.#seen.subarray(0, at + 1), ...rest.subarray(0, SAMPLE_BYTES - at - 1)];
    const looksLike = recognise(sample);
    const bytes = sample.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const what = looksLike === 'unknown' ? 'another protocol' : `what looks like ${looksLike}`;
    return new QuorateError('protocolMismatch', `the other side speaks ${what}, not Quorate (first bytes ${bytes})`, {
      looksLike,
      firstBytes: bytes,
    });
  }
}

const TEXT_STARTS: readonly (readonly [string, string])[] = [
  ['PRI * HTTP/2', 'HTTP/2'],
  ['HTTP/', 'HTTP'],
  ['GET ', 'HTTP'],
  ['POST ', 'HTTP'],
  ['PUT ', 'HTTP'],
  ['HEAD ', 'HTTP'],
  ['DELETE ', 'HTTP'],
  ['OPTIONS ', 'HTTP'],
  ['PATCH ', 'HTTP'],
  ['CONNECT ', 'HTTP'],
  ['TRACE ', 'HTTP'],
  ['SSH-', 'SSH'],
  ['PROXY ', 'the PROXY protocol'],
  ['AMQP', 'AMQP'],
  ['-ERR', 'Redis'],
  ['EHLO ', 'SMTP'],
  ['220 ', 'SMTP or FTP'],
];

function recognise(sample: readonly number[]): string {
  const text = String.fromCharCode(...sample);
  for (const [start, name] of TEXT_STARTS) if (text.startsWith(start)) return name;
  // A TLS record: handshake (22), then major version 3.
  if (sample[0] === 0x16 && (sample[1] ?? 3) === 3) return 'TLS';
  if (/^\*[0-9]+\r\n/.test(text)) return 'Redis';
  if (/^[A-Z]{3,8} \//.test(text)) return 'HTTP';
  // Big-endian length of a small frame: Kafka, ZooKeeper and others.
  if (sample.length >= 8 && sample[0] === 0 && sample[1] === 0) return 'a big-endian framed protocol (Kafka, ZooKeeper)';
  return 'unknown';
}

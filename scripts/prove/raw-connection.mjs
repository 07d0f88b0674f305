// One connection to one node, without the client's retries and redirects: what that node itself answers.
import { SILENT_LOGGER, parseAddress } from '@quorate/base';
import { NodeNetwork, nodeTimers } from '@quorate/platform-node';
import { decodeResponse, encodeRequest, openFrameConnection, splitRecords } from '@quorate/wire';

export class RawConnection {
  #frames;
  #nextId = 1;
  #waiting = new Map();

  static open(address) {
    const connection = new RawConnection();
    return new Promise((resolve, reject) => {
      connection.#frames = openFrameConnection({
        network: new NodeNetwork({ logger: SILENT_LOGGER }),
        address: parseAddress(address),
        timers: nodeTimers,
        handshakeTimeoutMs: 5000,
        hello: () => ({ role: 'client', clusterId: null }),
        handlers: {
          opened: () => resolve(connection),
          frame: (type, body) => connection.#answered(decodeResponse(type, body.slice())),
          drain: () => {},
          closed: (error) => {
            reject(error);
            for (const { reject: fail } of connection.#waiting.values()) fail(error);
            connection.#waiting.clear();
          },
        },
      });
    });
  }

  #answered(response) {
    this.#waiting.get(response.id)?.resolve(response);
    this.#waiting.delete(response.id);
  }

  /** The answer, which may be of type `error`; rejects if the connection is lost first. */
  request(body) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const frame = encodeRequest(id, body);
      if (!this.#frames.send(frame.type, frame.parts)) reject(new Error('the connection is full'));
    });
  }

  close() {
    this.#frames.close();
  }
}

/** What one node itself has applied of a group: { offset, value: text } from offset 0 on. */
export async function* recordsAt(address, group) {
  const decoder = new TextDecoder();
  const connection = await RawConnection.open(address);
  try {
    for (let next = 0; ; ) {
      const answer = await connection.request({
        type: 'readStream',
        group,
        fromOffset: next,
        maxRecords: 8192,
        maxBytes: 1_048_576,
        waitMs: 0,
        consistency: 'sequential',
      });
      if (answer.type !== 'records') throw new Error(`reading group ${group} at ${address}: ${answer.code}: ${answer.message}`);
      const records = splitRecords(answer);
      if (records.length === 0) return;
      for (const { offset, value } of records) yield { offset, value: decoder.decode(value) };
      next += records.length;
    }
  } finally {
    connection.close();
  }
}

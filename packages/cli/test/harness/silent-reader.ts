import { type GroupId, type QuorateError, parseAddress } from '@quorate/base';
import { NodeNetwork, nodeTimers } from '@quorate/platform-node';
import { type FrameConnection, encodeRequest, openFrameConnection } from '@quorate/wire';

/** A client that asks for much and reads nothing. */
export class SilentReader {
  readonly #frames: FrameConnection;
  #answers = 0;
  #error: QuorateError | null = null;
  #onChange: () => void = () => {};

  private constructor(frames: FrameConnection) {
    this.#frames = frames;
  }

  /** Resolves when its hello was taken. */
  static open(address: string): Promise<SilentReader> {
    return new Promise((resolve, reject) => {
      let reader: SilentReader | null = null;
      const frames = openFrameConnection({
        network: new NodeNetwork(),
        address: parseAddress(address),
        timers: nodeTimers,
        hello: () => ({ role: 'client', clusterId: null }),
        handlers: {
          opened: () => resolve((reader = new SilentReader(frames))),
          frame: () => reader?.changed(null),
          drain: () => {},
          closed: (error) => {
            reject(error);
            reader?.changed(error);
          },
        },
      });
    });
  }

  /** Stops reading and asks so many times for the first record of an empty stream, to be told when it comes. */
  askForFirst(group: GroupId, count: number): void {
    this.#frames.pause();
    for (let id = 1; id <= count; id++) {
      const { type, parts } = encodeRequest(id, {
        type: 'readStream',
        group,
        fromOffset: 0,
        maxRecords: 1,
        maxBytes: 1_048_576,
        waitMs: 30_000,
        consistency: 'linearizable',
      });
      this.#frames.send(type, parts);
    }
    this.#frames.flush();
  }

  /** Internal: an answer came, or the end. */
  changed(error: QuorateError | null): void {
    if (error === null) this.#answers++;
    else this.#error = error;
    this.#onChange();
  }

  /** Reads on; resolves when so many answers have come in all, or fails with the end of the connection. */
  readOn(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onChange = () => {
        if (this.#answers >= count) resolve();
        else if (this.#error !== null) reject(this.#error);
      };
      this.#onChange();
      this.#frames.resume();
    });
  }

  close(): void {
    this.#frames.close();
  }
}

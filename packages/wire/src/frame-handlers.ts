import type { QuorateError } from '@quorate/base';

/** What an open connection tells its owner. Calls come one at a time, never from within a call to the connection. */
export interface FrameHandlers {
  /**
   * A frame of the agreed role. `body` is valid only during the call. A `malformedFrame` or `frameTooLarge` thrown from here (by a codec)
   * ends the connection with a goodbye; any other error is the owner's own fault and passes through.
   */
  frame(type: number, body: Uint8Array): void;
  /** Bytes have come, perhaps the first of a frame that is long on its way: told before the frames that are complete with them. */
  bytesArrived?(): void;
  /** What was queued is with the operating system. */
  drain(): void;
  /**
   * The connection is over; called once, nothing follows. The code says why: `connectionLost`, or what this or the other side found wrong.
   * Whatever the code: requests that were sent and not answered may have happened.
   */
  closed(error: QuorateError): void;
}

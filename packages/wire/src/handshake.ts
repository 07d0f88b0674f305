import { type Connection, QuorateError, formatAddress } from '@quorate/base';
import { fromWireError } from './fields.js';
import { FrameConnection, type FrameConnectionOptions, type DialTarget } from './frame-connection.js';
import type { FrameHandlers } from './frame-handlers.js';
import { FRAME_TYPES } from './frame-types.js';
import { decodeHello, decodeHelloReply } from './hello.js';
import type { AcceptedReply, Hello, RefusedReply } from './messages.js';

/** How to dial. */
export interface DialOptions extends FrameConnectionOptions, DialTarget {
  readonly handlers: FrameHandlers & {
    /** The other side took the hello; frames may be sent from now on. Before it, `closed` means that nothing was sent (mostly `unavailable`). */
    opened(reply: AcceptedReply): void;
  };
}

/** What the accepting side makes of a hello. */
export type Admission = { readonly reply: AcceptedReply; readonly handlers: FrameHandlers } | { readonly reply: RefusedReply };

/** How to take incoming connections. */
export interface AcceptOptions extends FrameConnectionOptions {
  /** Decides on a hello. The handlers take over after the reply was queued. */
  readonly hello: (hello: Hello, frames: FrameConnection) => Admission;
  /** A connection ended that was never admitted: refused, timed out, of another protocol or lost. For logs and counts. */
  readonly failed?: (error: QuorateError, frames: FrameConnection) => void;
}

/** Dials. The result can be closed at any time, also before `opened`. */
export function openFrameConnection(options: DialOptions): FrameConnection {
  const { handlers } = options;
  const frames = new FrameConnection(options, formatAddress(options.address), {
    handshakeFrame: (type, body) => {
      if (type !== FRAME_TYPES.helloReply)
        throw new QuorateError('malformedFrame', `the answer to a hello has frame type ${type}`, { type });
      const reply = decodeHelloReply(body);
      if (reply.status === 'refused') {
        frames.abandon(fromWireError(reply));
        return;
      }
      frames.opened(reply.status, handlers);
      handlers.opened(reply);
    },
    closed: (error) => handlers.closed(error),
  });
  frames.dial(options);
  return frames;
}

/** Takes an incoming connection; `listen` wants the `connectionHandlers` of the result. */
export function acceptFrameConnection(connection: Connection, options: AcceptOptions): FrameConnection {
  const frames = new FrameConnection(options, connection.remote, {
    handshakeFrame: (type, body) => {
      if (type !== FRAME_TYPES.hello)
        throw new QuorateError('malformedFrame', `the first frame has type ${type}, it must be a hello`, { type });
      const admission = options.hello(decodeHello(body), frames);
      if (!('handlers' in admission)) {
        frames.refuse(admission.reply);
        return;
      }
      frames.admit(admission.reply, admission.handlers);
    },
    closed: (error) => options.failed?.(error, frames),
  });
  frames.accept(connection);
  return frames;
}

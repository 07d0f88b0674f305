import { SESSION_KEY_BYTES } from '@quorate/wire';
import type { CallContext } from '../core/call.js';

/** The secret of a session: whoever has it may carry the session. */
export function newKey(context: CallContext): Uint8Array {
  return Uint8Array.from({ length: SESSION_KEY_BYTES }, () => context.settings.random.nextUint32() & 0xff);
}

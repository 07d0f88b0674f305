import type { Builtin } from '../builtin.js';
import { LOCK } from './lock-declaration.js';
import { lockType } from './lock-machine.js';
import { Lock } from './lock.js';

/** How clients open locks. */
export interface LockMethod {
  /** A lock by name. */
  lock(name: string): Lock;
}

/** Locks, as they come with Quorate. */
export const lockBuiltin: Builtin<LockMethod['lock']> = {
  type: lockType,
  open: (client) => (name) => new Lock(client.resource(LOCK, name).handle),
};

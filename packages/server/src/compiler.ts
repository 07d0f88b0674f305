import { setFlagsFromString } from 'node:v8';
import { isFlagSet } from './v8-flags.js';

const FLAG = '--interrupt-budget';
/** Bytes of bytecode that a function runs between two looks at whether it is worth optimising; V8 11 takes 67,584. */
const BUDGET_BYTES = 5000;
/** The generation of V8 (Node.js 20) that this was measured with: later ones have a compiler more in between, and other bounds. */
const VERSION = '11.';

/**
 * Lets V8 optimise what a node runs again and again much earlier than it does for the many functions of a web page that run a few times, for a
 * node that is alone in its process. What runs once per batch or frame is otherwise not optimised before tens of thousands of operations.
 */
export function optimiseEarly(
  version: string = process.versions.v8,
  flags: readonly string[] = process.execArgv,
  setFlag: (flag: string) => void = setFlagsFromString,
): void {
  if (version.startsWith(VERSION) && !isFlagSet(FLAG, flags)) setFlag(`${FLAG}=${BUDGET_BYTES}`);
}

import type { Builtin } from '../builtin.js';
import { json } from '../codecs/json-codec.js';
import type { CodecOptions } from '../codecs/value-codec.js';
import { ELECTION } from './election-declaration.js';
import { electionType } from './election-machine.js';
import { Election } from './election.js';

/** How clients open elections. */
export interface ElectionMethod {
  /** An election by name. `codec`: of what candidates say of themselves. */
  election<T = unknown>(name: string, options?: CodecOptions<T>): Election<T>;
}

/** Elections, as they come with Quorate. */
export const electionBuiltin: Builtin<ElectionMethod['election']> = {
  type: electionType,
  open:
    (client) =>
    <T>(name: string, options: CodecOptions<T> = {}) =>
      new Election<T>(client.resource(ELECTION, name).handle, options.codec ?? json<T>()),
};

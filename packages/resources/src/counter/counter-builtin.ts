import type { Builtin } from '../builtin.js';
import { COUNTER } from './counter-declaration.js';
import { counterType } from './counter-machine.js';
import { Counter } from './counter.js';

/** How clients open counters. */
export interface CounterMethod {
  /** A counter by name. */
  counter(name: string): Counter;
}

/** Counters, as they come with Quorate. */
export const counterBuiltin: Builtin<CounterMethod['counter']> = {
  type: counterType,
  open: (client) => (name) => new Counter(client.resource(COUNTER, name).handle),
};

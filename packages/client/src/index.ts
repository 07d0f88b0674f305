export * from './core/append-call.js';
export * from './core/client-core.js';
export * from './core/operation.js';
export type { ClientOptions } from './core/options.js';
export * from './quorate-client.js';
export * from './stream.js';
export type { SessionOptions } from './sessions/session-options.js';
export { SessionClient } from './sessions/session-client.js';
export { type Deadline, DeadlineHeap } from './core/deadline-heap.js';

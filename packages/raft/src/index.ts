export * from './codec.js';
export * from './configuration.js';
export type { RaftInit } from './core.js';
export * from './messages.js';
export * from './quorum.js';
export * from './raft.js';
export * from './ready.js';
export * from './term-map.js';

export * from './codec.js';
export * from './configuration.js';
export type { RaftInit } from './core.js';
export * from './messages.js';
export * from './quorum.js';
export * from './raft.js';
export * from './ready.js';
export type { SnapshotReader, SnapshotSource } from './snapshots.js';
export * from './term-map.js';

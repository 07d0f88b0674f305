export { isChecksumNative, loadChecksum, nodeChecksum } from './node-checksum.js';
export * from './direct-file.js';
export * from './direct-writes.js';
export * from './node-disk.js';
export * from './node-network.js';
export * from './node-random.js';
export * from './node-time.js';
export * from './shared-reads.js';
export * from './deferred-calls.js';

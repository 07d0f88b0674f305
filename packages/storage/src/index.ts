export { type DiskCase, diskCompliance } from './disk-compliance.js';
export { DiskPace } from './disk-pace.js';
export { FileReads } from './file-reads.js';
export { formatInspect } from './inspect-format.js';
export * from './inspect.js';
export { MemoryDisk, type MemoryDiskOptions } from './memory-disk.js';
export { openStorage } from './open-storage.js';
export * from './types.js';

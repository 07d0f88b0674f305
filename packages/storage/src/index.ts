export { type DiskCase, diskCompliance } from './disk-compliance.js';
export { formatInspect } from './inspect-format.js';
export * from './inspect.js';
export { MemoryDisk, type MemoryDiskOptions } from './memory-disk.js';
export { openStorage } from './open-storage.js';
export * from './types.js';

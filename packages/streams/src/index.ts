export * from './append-fence.js';
export * from './append-payload.js';
export * from './offset-index.js';
export * from './producer-table.js';
export * from './read-records.js';
export * from './stream-machine.js';

export * from './commands-port.js';
export * from './machine-types.js';
export * from './resource-definition.js';
export * from './resource-machine.js';
export * from './schema/field.js';
export * from './tables/bounds.js';
export { createTables } from './tables/tables.js';
export * from './tables/types.js';

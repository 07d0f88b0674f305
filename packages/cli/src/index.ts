export type { CliIo } from './cli-io.js';
export { EXIT_CODES, type ExitName, exitCodeOf, exitCodeTable } from './exit-codes.js';
export { main } from './main.js';
export { run } from './run.js';

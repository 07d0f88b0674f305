export * from './history/event.js';
export { bytesText, textBytes } from './history/history-text.js';

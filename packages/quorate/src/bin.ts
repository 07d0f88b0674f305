export { run } from '@quorate/cli';

// Entry of the child processes of `quorate dev`: the same command line, found without knowing where the package `quorate` is.
import { run } from './run.js';

await run();

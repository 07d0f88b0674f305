// Programs of Node that the runner of mutants starts: their output is kept, and one that hangs is ended.
import { spawn } from 'node:child_process';

/** Bytes of output that are kept of a program; the rest is dropped. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Runs a program of Node; gives its exit code (null: it was ended after `secondsMax`, or `silentSecondsMax` without output, or by a signal) and what it
 * wrote.
 */
export function runChild(args, { cwd, secondsMax, silentSecondsMax = secondsMax }) {
  return new Promise((resolve, reject) => {
    // A child of a test would else report to the runner of that test.
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const child = spawn(process.execPath, args, { cwd, env: inherited, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let isLate = false;
    const take = (chunk) => {
      silence.refresh();
      if (output.length < OUTPUT_BYTES_MAX) output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const end = () => {
      isLate = true;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(end, secondsMax * 1000);
    const silence = setTimeout(end, silentSecondsMax * 1000);
    const ended = () => {
      clearTimeout(timer);
      clearTimeout(silence);
    };
    child.once('error', (error) => {
      ended();
      reject(error);
    });
    child.once('close', (code) => {
      ended();
      resolve({ code: isLate ? null : code, isLate, output });
    });
  });
}

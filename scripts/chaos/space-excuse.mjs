// Whether the end of a node's process is that of a node without space, which may happen while its disk is full, or any other, which may not.

/** Codes of errors that say that the disk took or gave nothing any more. */
const DISK_CODES = ['diskFull', 'diskFailed'];

/** True if a process ended by itself and the last word of its log is that its disk is full or failed. */
export function endedForSpace({ exit, newest }) {
  if (exit === null || exit.signal !== null || exit.code === 0) return false;
  const failure = newest.map(parsed).findLast((line) => line?.level === 'error' && line.msg === 'failed');
  return failure !== undefined && DISK_CODES.includes(failure.code);
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    // Not of the log: what Node or a shell says.
    return null;
  }
}

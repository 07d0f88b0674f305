// Loaded into a node's process (`node --import`), where no small file system can be had: what it writes finds no space once the bytes are used up
// that a file says: {"leaveBytes": N}; null: there is space. The file is named by `?file=` of this module's address.
import fs, { readFileSync, watchFile } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const file = new URL(import.meta.url).searchParams.get('file');
const { writev, writevSync } = fs;
let left = Number.POSITIVE_INFINITY;

const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write', errno: -28 });

/** As much of the parts as there is space for: all, some, or null. */
function fitting(parts) {
  const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const taken = Math.min(bytes, left);
  left -= taken;
  if (taken === bytes) return parts;
  if (taken === 0) return null;
  const joined = Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
  return [joined.subarray(0, taken)];
}

fs.writevSync = (fd, parts, position) => {
  const some = fitting(parts);
  if (some === null) throw noSpace();
  return writevSync(fd, some, position);
};
fs.writev = (fd, parts, position, done) => {
  const some = fitting(parts);
  if (some === null) setImmediate(() => done(noSpace(), 0, parts));
  else writev(fd, some, position, done);
};
syncBuiltinESMExports();

watchFile(file, { interval: 100, persistent: false }, () => {
  try {
    left = JSON.parse(readFileSync(file, 'utf8')).leaveBytes ?? Number.POSITIVE_INFINITY;
  } catch {
    // Half written: the next look finds all of it.
  }
});

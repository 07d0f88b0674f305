import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A peer is not on this machine; the message says what to install. */
export class MissingPeer extends Error {
  name = 'MissingPeer';
}

/** True if a program is on the path. */
export function isInstalled(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

// Space for one node where no file system can be mounted: its process is told how much it may still write (space-fault.mjs).
import { writeFileSync } from 'node:fs';

export class SpacePort {
  #file;

  constructor(file) {
    this.#file = file;
    this.free();
  }

  /** Takes all space but `leaveBytes`. */
  fill(leaveBytes) {
    writeFileSync(this.#file, JSON.stringify({ leaveBytes }));
  }

  /** Gives the space back. */
  free() {
    this.fill(null);
  }

  remove() {}
}

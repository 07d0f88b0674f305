import { type Stats, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Disk, QuorateError, asQuorateError } from '@quorate/base';
import { NodeDisk, nodeChecksum } from '@quorate/platform-node';
import { type InspectReport, formatInspect, inspectStorage } from '@quorate/storage';
import type { CliIo } from '../cli-io.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';
import { UsageError } from '../report-error.js';

/** `quorate inspect DIR`: exit code 0 if the directory is sound, 73 if anything in it is damaged. */
export async function inspectDirectory(directory: string, flags: { readonly json: boolean }, io: CliIo): Promise<number> {
  checkDirectory(directory);
  const disk = new NodeDisk(directory);
  const release = await lockedAgainstNode(disk, directory);
  try {
    const report = inspectStorage(disk, nodeChecksum);
    if (report.identity === null && report.files.length === 0 && report.damage.length === 0) {
      throw new QuorateError('directoryForeign', `${directory} holds no Quorate data${nodesIn(directory)}`, { directory });
    }
    const output = new Output(io.stdout, flags.json);
    await output.text(formatInspect(report).trimEnd());
    await output.json(jsonReport(report));
    return report.damage.length === 0 ? EXIT_CODES.ok.code : EXIT_CODES.directory.code;
  } finally {
    release();
  }
}

/** `quorate dev --data DIR` keeps a directory per node in DIR: says so to whoever names DIR. */
function nodesIn(directory: string): string {
  const nodes = readdirSync(directory).filter((name) => existsSync(join(directory, name, 'identity')));
  return nodes.length === 0 ? '' : `, but ${nodes.map((name) => join(directory, name)).join(', ')} do${nodes.length === 1 ? 'es' : ''}`;
}

function checkDirectory(directory: string): void {
  const entry = entryOf(directory);
  if (entry === undefined) throw new UsageError(`<directory>: ${directory} does not exist`);
  if (!entry.isDirectory()) throw new UsageError(`<directory>: ${directory} is not a directory`);
}

/** Undefined: there is none. `diskFailed`: nobody can tell, as the name is too long, links lead in a circle, or a folder may not be searched. */
function entryOf(directory: string): Stats | undefined {
  try {
    return statSync(directory, { throwIfNoEntry: false });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuorateError('diskFailed', `cannot read the directory ${directory}: ${reason}`, { directory }, { cause });
  }
}

/** What a running node is about to write would look like damage, so its directory is not inspected. */
function lockedAgainstNode(disk: Disk, directory: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    disk.lock((error, release) => {
      if (error === null) resolve(release);
      else if (error instanceof QuorateError && error.code === 'directoryInUse') {
        reject(new QuorateError('directoryInUse', `${directory} is in use: stop its node first`, { directory }, { cause: error }));
      } else reject(asQuorateError(error));
    });
  });
}

/** Journal files hold what a checkpoint refers to; everything but raw checkpoint internals goes out as it is. */
function jsonReport(report: InspectReport): unknown {
  return {
    ...report,
    checkpoints: report.checkpoints.map(({ file, checkpoint, fault }) => ({
      file,
      fault,
      number: checkpoint?.number ?? null,
      sequence: checkpoint?.sequence ?? null,
    })),
  };
}

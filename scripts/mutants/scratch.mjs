// A scratch copy of the repository in which a mutant lives: sources and compiled files copied, installed packages linked. The repository
// itself is never touched, and what is compiled in the copy is only what a mutant changes.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { ROOT } from '../workspace.mjs';
import { runChild } from './child.mjs';
import { nearestPlace } from './nearest.mjs';

/** What the tests and the simulator read. */
const COPIED = ['packages', 'scripts'];
const COPIED_FILES = /^(package(-lock)?|layers|tsconfig.*)\.json$/;

/** Seconds that a compiler may take before it counts as hanging. */
const COMPILE_SECONDS_MAX = 180;

export class Scratch {
  /** Folder of the copy. */
  path;
  /** What is to be put back: the source file, and where what was compiled of its package is kept; null: nothing is changed. */
  #undo = null;
  #removeAtExit = () => rmSync(this.path, { recursive: true, force: true });

  /** `testPackages`: whose compiled tests are to run in it. */
  constructor(testPackages) {
    this.path = mkdtempSync(join(tmpdir(), 'quorate-mutants-'));
    const tested = new Set(testPackages);
    // The tests of `quorate` start their servers with what those of `server` have for that.
    if (tested.has('quorate')) tested.add('server');
    const isWanted = (source) => {
      const [name, folder] = relative(join(ROOT, 'packages'), source).split(sep);
      if (source.endsWith('.map') || folder === 'node_modules') return false;
      return (folder !== 'test' && folder !== 'dist-test') || tested.has(name);
    };
    // Times are kept: the compiler goes by them.
    for (const name of COPIED)
      cpSync(join(ROOT, name), join(this.path, name), { recursive: true, preserveTimestamps: true, filter: isWanted });
    for (const name of readdirSync(ROOT)) if (COPIED_FILES.test(name)) cpSync(join(ROOT, name), join(this.path, name));
    linkInstalled(this.path);
    process.once('exit', this.#removeAtExit);
  }

  /** Puts a mutant in and compiles what it changes; why that cannot be done, or null. `restore` must follow. */
  async apply(mutant) {
    const { file, old, new: changed } = mutant;
    const reason = reasonNotApplicable(mutant, this.path);
    if (reason !== null) return reason;
    const path = join(this.path, file);
    const compiled = join(this.path, packageFolder(file), 'dist');
    const undo = { path, compiled, kept: join(this.path, 'kept'), text: readFileSync(path, 'utf8'), times: statSync(path) };
    cpSync(compiled, undo.kept, { recursive: true, preserveTimestamps: true });
    this.#undo = undo;
    writeFileSync(
      path,
      undo.text.replace(old, () => changed),
    );
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { code, output } = await runChild([compiler, '-b', packageFolder(file)], { cwd: this.path, secondsMax: COMPILE_SECONDS_MAX });
    return code === 0 ? null : `does not compile: ${output.trim().split('\n').slice(0, 3).join(' | ')}`;
  }

  /** Takes the mutant out again. */
  restore() {
    const undo = this.#undo;
    if (undo === null) return;
    this.#undo = null;
    writeFileSync(undo.path, undo.text);
    utimesSync(undo.path, undo.times.atime, undo.times.mtime);
    rmSync(undo.compiled, { recursive: true, force: true });
    renameSync(undo.kept, undo.compiled);
  }

  remove() {
    process.off('exit', this.#removeAtExit);
    this.#removeAtExit();
  }
}

/** Why the edit of a mutant cannot be made in the tree `root`; null if it can. */
export function reasonNotApplicable({ file, old, new: changed }, root = ROOT) {
  const path = join(root, file);
  if (!existsSync(path)) return `${file} is gone`;
  const parts = readFileSync(path, 'utf8').split(old).length - 1;
  if (parts === 0) return `the old text is gone from ${file}; ${nearestPlace(old, file, root)}`;
  if (parts > 1) return `the old text stands ${parts} times in ${file}`;
  return old === changed ? 'it changes nothing' : null;
}

/** `packages/NAME` of a source file. */
export function packageFolder(file) {
  return file.split('/').slice(0, 2).join('/');
}

/** Links what is installed, but the packages of the repository, which must be those of the copy. */
function linkInstalled(path) {
  const installed = join(ROOT, 'node_modules');
  const visit = (folder) => {
    mkdirSync(join(path, 'node_modules', folder), { recursive: true });
    for (const entry of readdirSync(join(installed, folder), { withFileTypes: true })) {
      const name = join(folder, entry.name);
      const source = join(installed, name);
      const target = join(path, 'node_modules', name);
      if (entry.isSymbolicLink() && leadsToPackages(source)) symlinkSync(readlinkSync(source), target);
      else if (entry.isDirectory() && entry.name.startsWith('@')) visit(name);
      else symlinkSync(source, target);
    }
  };
  visit('');
}

function leadsToPackages(link) {
  return relative(ROOT, join(dirname(link), readlinkSync(link))).startsWith('packages');
}

import { readFileSync } from 'node:fs';

/** What a process of this machine has used. */
export interface ProcessUsage {
  /** User and system time since its start, in µs. */
  readonly cpuMicros: number;
  /** Resident memory in bytes. */
  readonly residentBytes: number;
}

/** Linux reports CPU time to user space in hundredths of a second on every architecture that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** Null where it cannot be told: not Linux, another machine, no such process. */
export function usageOf(pid: number, address: string): ProcessUsage | null {
  if (process.platform !== 'linux' || !/^(127\.|\[::1\]|localhost)/.test(address)) return null;
  try {
    return { cpuMicros: cpuMicros(pid), residentBytes: residentBytes(pid) };
  } catch {
    return null;
  }
}

function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}
